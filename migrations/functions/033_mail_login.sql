-- Login by a mailed code or link. An address without an account that can log in gets a mail that says so, and nothing
-- else differs.

create or replace function authn.begin_mail_login(p_wish jsonb, p_actor jsonb, p_namespace text default 'default')
returns table (outcome text, flow_id uuid, retry_after integer)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
begin
    return query
        select b.outcome, b.flow_id, b.retry_after
          from authn._begin_account_proof(p_wish, 'login', p_actor, p_namespace) b;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.begin_mail_login(jsonb, jsonb, text) is
    'Mails a login code and link, or, where no account can log in, that there is none: same rows, same statements. p_wish: '
    'what _begin_proof takes, and mail_disabled for a disabled account. Outcome: sent, too_soon or throttled (with retry_after), gone.';

create or replace function authn.try_login_code(
    p_flow_id uuid, p_browser_digest text, p_verification_id uuid, p_code_digest text, p_actor jsonb,
    p_namespace text default 'default'
) returns table (outcome text, tries_left integer, user_id uuid, email text, has_second_factor boolean)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
begin
    perform authn._apply_actor(p_actor);
    return query
        select t.outcome, t.tries_left, a.user_id, a.email, a.has_second_factor
          from authn._try_code(p_flow_id, p_browser_digest, p_verification_id, p_code_digest, 'login', p_namespace) t
          left join authn.get_mail_login_account(p_verification_id, p_namespace) a on t.outcome = 'right';
    perform authn._leave(v_outer);
end
$$;
comment on function authn.try_login_code(uuid, text, uuid, text, jsonb, text) is
    'Counts one try at a login code. Outcome: right (with whose account it is), wrong (tries_left), dead. The right one is '
    'used up by complete_mail_login.';

create or replace function authn.get_mail_login_account(p_verification_id uuid, p_namespace text default 'default')
returns table (user_id uuid, email text, has_second_factor boolean)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
begin
    return query
        -- What was put on the account before its address was proven goes with this login; it is no second factor.
        select u.id, u.email, u.email_verified_at is not null and authn._demands_second_step(u.id, p_namespace)
          from authn.verifications v
          join authn.users u on u.namespace = v.namespace and u.email = v.email
         where v.id = p_verification_id and v.namespace = p_namespace and v.outcome = 'login' and u.disabled_at is null;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.get_mail_login_account(uuid, text) is
    'The account that a login mail is for. No row when it cannot log in (any more), and for a mail of another kind.';

create or replace function authn.complete_mail_login(
    p_login jsonb, p_proof jsonb, p_actor jsonb, p_namespace text default 'default'
) returns table (
    outcome text, flow_id uuid, session_id uuid, return_to text, enrolled text[], declined text[]
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    c_approval_valid_for constant interval := interval '10 minutes';  -- as long as the code
    v_outer text := authn._enter(p_namespace);
    v_email text;
begin
    perform authn._apply_actor(p_actor);
    perform authn._lock_proof((p_proof ->> 'verification_id')::uuid, null, p_namespace);
    -- Check and use in one statement: of forty at once one gets the row.
    update authn.verifications v
       set used_at = coalesce(v.used_at, now()), approved_at = null
      from authn.login_flows f
     where f.id = v.flow_id and f.id = (p_login ->> 'flow_id')::uuid and f.namespace = p_namespace
       and f.browser_digest = p_login ->> 'browser_digest' and f.finished_at is null
       and v.id = (p_proof ->> 'verification_id')::uuid and v.outcome = 'login' and v.expires_at > now()
       and case p_proof ->> 'kind'
               when 'code' then
                   v.used_at is null and v.code_digest = p_proof ->> 'code_digest' and v.code_expires_at > now()
               when 'link' then v.used_at is null and v.link_digest = p_proof ->> 'link_digest'
               when 'approval' then v.approved_at > now() - c_approval_valid_for
               else false
           end
    returning v.email into v_email;
    if not found or not exists (
        select 1 from authn.users u
         where u.id = (p_login ->> 'user_id')::uuid and u.namespace = p_namespace and u.email = v_email
           and u.disabled_at is null
    ) then
        perform authn._leave(v_outer);
        return query select * from authn._no_login('gone', (p_login ->> 'flow_id')::uuid);
        return;
    end if;
    -- The first proof of an address takes away what was put on the account before it (pre-hijacking).
    perform authn.find_or_create_email_identity(v_email, p_namespace);
    return query select c.* from authn.complete_login(p_login, p_actor, p_namespace) c;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.complete_mail_login(jsonb, jsonb, jsonb, text) is
    'complete_login with a proof by mail, which it uses up. p_proof: verification_id and kind: code (code_digest), link '
    '(link_digest), or approval (the link was opened elsewhere and approved). Outcome gone where the proof does not hold.';

create or replace function authn.answer_login_link(
    p_link_digest text, p_answer text, p_mail_denied text, p_actor jsonb, p_namespace text default 'default'
) returns text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_proof authn.verifications;
begin
    perform authn._apply_actor(p_actor);
    if p_answer is null or p_answer not in ('approve', 'mismatch', 'deny') then
        raise exception 'answer must be approve, mismatch or deny' using errcode = '22023';
    end if;
    perform authn._lock_proof(null, p_link_digest, p_namespace);
    update authn.verifications v
       set used_at = now(), approved_at = case when p_answer = 'approve' then now() end
      from authn.login_flows f
     where v.namespace = p_namespace and v.link_digest = p_link_digest and v.outcome = 'login'
       and v.used_at is null and v.expires_at > now() and f.id = v.flow_id and f.finished_at is null
       -- With a second factor a login is finished where it is asked for: two digits are no replacement for it.
       and (p_answer <> 'approve' or not exists (
               select 1 from authn.get_mail_login_account(v.id, p_namespace) a where a.has_second_factor))
    returning v.* into v_proof;
    if v_proof.id is null then
        perform authn._leave(v_outer);
        return 'dead';
    end if;
    if p_answer = 'deny' then
        update authn.login_flows f set finished_at = now() where f.id = v_proof.flow_id;
        perform authn._enqueue('mail', p_mail_denied, p_namespace);
    end if;
    perform authn._audit(
        case p_answer when 'approve' then 'login_approved' when 'deny' then 'login_denied' else 'login_approval_failed' end,
        'email', v_proof.email, null, null, p_namespace);
    perform authn._leave(v_outer);
    return p_answer;
end
$$;
comment on function authn.answer_login_link(text, text, text, jsonb, text) is
    'What was decided where a login link was opened in another browser than the one that asked; one answer, and code and '
    'link are used up with it. approve: the digits matched, and the browser that asked may go on. mismatch: they did not. '
    'deny: it was not the owner; the flow ends and the mail warns the account. Returns the answer, or dead.';

create or replace function authn.leave_login_link(
    p_link_digest text, p_browser_digest text, p_elsewhere jsonb, p_namespace text default 'default'
) returns uuid
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_proof authn.verifications;
    v_flow_id uuid;
begin
    v_proof := authn._take_link(p_link_digest, array['login_not_possible'], p_namespace);
    if v_proof.id is not null then
        v_flow_id := authn._lead_on(v_proof, p_browser_digest, 'signup', p_elsewhere, p_namespace);
    end if;
    perform authn._leave(v_outer);
    return v_flow_id;
end
$$;
comment on function authn.leave_login_link(text, text, jsonb, text) is
    'Uses the link of the mail that says that no account can log in, and returns the flow in which the person signs up '
    'instead; NULL when it was used before. p_elsewhere: see _lead_on.';

revoke all on function authn.begin_mail_login(jsonb, jsonb, text) from public;
grant execute on function authn.begin_mail_login(jsonb, jsonb, text) to portal_app;
revoke all on function authn.try_login_code(uuid, text, uuid, text, jsonb, text) from public;
grant execute on function authn.try_login_code(uuid, text, uuid, text, jsonb, text) to portal_app;
revoke all on function authn.get_mail_login_account(uuid, text) from public;
grant execute on function authn.get_mail_login_account(uuid, text) to portal_app;
revoke all on function authn.complete_mail_login(jsonb, jsonb, jsonb, text) from public;
grant execute on function authn.complete_mail_login(jsonb, jsonb, jsonb, text) to portal_app;
revoke all on function authn.answer_login_link(text, text, text, jsonb, text) from public;
grant execute on function authn.answer_login_link(text, text, text, jsonb, text) to portal_app;
revoke all on function authn.leave_login_link(text, text, jsonb, text) from public;
grant execute on function authn.leave_login_link(text, text, jsonb, text) to portal_app;
