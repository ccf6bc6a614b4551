-- Sign-up: what was typed waits in the flow; the account is made when the address is proven, by the code or the link.

create or replace function authn.begin_signup(p_signup jsonb, p_actor jsonb, p_namespace text default 'default')
returns table (outcome text, flow_id uuid, retry_after integer)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_email text := authn._check_email(p_signup ->> 'email');
    v_known boolean;
    v_permitted boolean;
    v_outcome text;
    v_begun record;
begin
    perform authn._apply_actor(p_actor);
    v_known := exists (select 1 from authn.users u where u.namespace = p_namespace and u.email = v_email);
    v_permitted := authn._signup_permitted(v_email, p_namespace);
    v_outcome := case when v_known then 'already_registered' when v_permitted then 'signup' else 'signup_refused' end;
    select b.* into v_begun
      from authn._begin_proof(
               p_signup || jsonb_build_object('mail_other', p_signup ->> case
                   when v_known or v_permitted then 'mail_other' else 'mail_refused' end),
               'signup',
               v_outcome,
               not v_known and v_permitted, p_actor, p_namespace) b;
    if v_begun.outcome = 'sent' then
        update authn.login_flows f
           set new_name = coalesce(p_signup ->> 'name', f.new_name),
               new_password_hash = coalesce(p_signup ->> 'password_hash', f.new_password_hash),
               terms_version = coalesce(p_signup ->> 'terms_version', f.terms_version)
         where f.id = v_begun.flow_id;
        perform authn._audit(
            'signup_started', 'email', v_email, null, jsonb_build_object('outcome', v_outcome), p_namespace);
    end if;
    perform authn._leave(v_outer);
    return query select v_begun.outcome, v_begun.flow_id, v_begun.retry_after;
end
$$;
comment on function authn.begin_signup(jsonb, jsonb, text) is
    'Notes a sign-up and sends its mail, new address, registered one or one that may not sign up alike: same rows, same '
    'statements. p_signup: what _begin_proof takes, mail_refused, name, password_hash, terms_version. Outcome: sent, too_soon or throttled (with retry_after), gone.';

create or replace function authn.use_signup_code(
    p_flow_id uuid, p_browser_digest text, p_verification_id uuid, p_code_digest text, p_session jsonb, p_actor jsonb,
    p_namespace text default 'default'
) returns table (outcome text, tries_left integer, user_id uuid, session_id uuid, return_to text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_try record;
    v_flow authn.login_flows;
    v_user_id uuid;
    v_session_id uuid;
begin
    perform authn._apply_actor(p_actor);
    perform authn._lock_proof(p_verification_id, null, p_namespace);
    select t.* into v_try
      from authn._try_code(p_flow_id, p_browser_digest, p_verification_id, p_code_digest, 'signup', p_namespace) t;
    if v_try.outcome <> 'right' then
        perform authn._leave(v_outer);
        return query select v_try.outcome, v_try.tries_left, null::uuid, null::uuid, null::text;
        return;
    end if;
    update authn.verifications v set used_at = now() where v.id = p_verification_id and v.used_at is null;
    update authn.login_flows f set finished_at = now()
     where f.id = p_flow_id and f.finished_at is null and f.expires_at > now() returning f.* into v_flow;
    if not found then
        perform authn._leave(v_outer);
        return query select 'dead', 0, null::uuid, null::uuid, null::text;
        return;
    end if;
    v_user_id := authn._make_proven_user(v_try.email, v_flow.new_password_hash, v_flow.new_name, p_namespace);
    if v_user_id is null then
        v_try.outcome := authn._no_account_because(v_try.email, p_namespace);
        perform authn._leave(v_outer);
        return query select v_try.outcome, 0, null::uuid, null::uuid, v_flow.return_to;
        return;
    end if;
    perform authn._accept_terms(v_user_id, v_flow.terms_version, p_namespace);
    v_session_id := authn._first_session(p_flow_id, v_user_id, p_browser_digest, p_session, p_actor, p_namespace);
    perform authn._leave(v_outer);
    return query select case when v_session_id is null then 'pending' else 'session' end, 0, v_user_id, v_session_id,
        v_flow.return_to;
end
$$;
comment on function authn.use_signup_code(uuid, text, uuid, text, jsonb, jsonb, text) is
    'Checks a sign-up code in the browser that signed up; the right one makes the account with the password that '
    'waited, proves the address and starts the session, all in one commit. Outcome: session, pending (the namespace '
    'asks for a second step), wrong (tries_left), dead (used, expired, five tries, or not this browser''s), taken '
    '(somebody proved the address meanwhile), refused (it may not sign up any more).';

create or replace function authn.use_signup_link(
    p_link_digest text, p_browser_digest text, p_session jsonb, p_elsewhere jsonb, p_actor jsonb,
    p_namespace text default 'default'
) returns table (outcome text, flow_id uuid, user_id uuid, session_id uuid, return_to text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_proof authn.verifications;
    v_flow authn.login_flows;
    v_own boolean;
    v_user_id uuid;
    v_session_id uuid;
    v_new_flow_id uuid;
begin
    perform authn._apply_actor(p_actor);
    v_proof := authn._take_link(p_link_digest, array['signup', 'already_registered'], p_namespace);
    if v_proof.id is null then
        perform authn._leave(v_outer);
        return query select 'dead', null::uuid, null::uuid, null::uuid, null::text;
        return;
    end if;
    select f.* into v_flow from authn.login_flows f where f.id = v_proof.flow_id for update;
    v_own := v_flow.browser_digest = coalesce(p_browser_digest, '');
    if v_proof.outcome = 'already_registered' then
        v_new_flow_id := authn._lead_on(v_proof, p_browser_digest, 'login', p_elsewhere, p_namespace);
        perform authn._leave(v_outer);
        return query select 'login', v_new_flow_id, null::uuid, null::uuid, v_flow.return_to;
        return;
    end if;
    -- Proof elsewhere drops the password: whoever typed it has not shown that the mailbox is theirs (pre-hijacking).
    v_user_id := authn._make_proven_user(
        v_proof.email, case when v_own then v_flow.new_password_hash end, case when v_own then v_flow.new_name end,
        p_namespace);
    if v_user_id is null then
        v_proof.outcome := authn._no_account_because(v_proof.email, p_namespace);
        perform authn._leave(v_outer);
        return query select v_proof.outcome, v_flow.id, null::uuid, null::uuid, v_flow.return_to;
        return;
    end if;
    if v_own then
        perform authn._accept_terms(v_user_id, v_flow.terms_version, p_namespace);
        v_session_id := authn._first_session(v_flow.id, v_user_id, p_browser_digest, p_session, p_actor, p_namespace);
        perform authn._leave(v_outer);
        return query select case when v_session_id is null then 'pending' else 'session' end, v_flow.id, v_user_id,
            v_session_id, v_flow.return_to;
        return;
    end if;
    update authn.login_flows f
       set proven_elsewhere = true, purpose = 'login', new_password_hash = null, new_name = null
     where f.id = v_flow.id;
    v_new_flow_id := authn.start_login_flow(
        p_elsewhere || jsonb_build_object('email', v_proof.email, 'browser_digest', p_browser_digest) || case
            when (p_elsewhere ->> 'passwordless')::boolean then jsonb_build_object('purpose', 'login')
            else jsonb_build_object('purpose', 'signup', 'user_id', v_user_id) end,
        p_namespace);
    perform authn._leave(v_outer);
    return query select case when (p_elsewhere ->> 'passwordless')::boolean then 'login' else 'choose_password' end,
        v_new_flow_id, v_user_id, null::uuid, null::text;
end
$$;
comment on function authn.use_signup_link(text, text, jsonb, jsonb, jsonb, text) is
    'Acts on a mailed link, once. In the browser that signed up: account, password that waited, session. Elsewhere: account '
    'without a password and a fresh flow (p_elsewhere: return_to, expires_in …) in which one is chosen; the first browser''s '
    'flow goes on to log in; where the namespace has no passwords (p_elsewhere: passwordless) the fresh flow is a login. For a '
    'registered address: a login. Outcome: session, pending, choose_password, login, taken, refused (it may not sign up any more), dead.';

create or replace function authn.finish_signup(
    p_flow_id uuid, p_browser_digest text, p_password_hash text, p_session jsonb, p_actor jsonb,
    p_namespace text default 'default'
) returns table (outcome text, user_id uuid, session_id uuid, return_to text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_flow authn.login_flows;
    v_session_id uuid;
begin
    perform authn._apply_actor(p_actor);
    select f.* into v_flow from authn.login_flows f where f.id = p_flow_id and f.namespace = p_namespace;
    perform authn._lock_login(v_flow.email, v_flow.id, p_namespace);
    update authn.login_flows f
       set finished_at = now()
      from authn.users u
     where f.id = p_flow_id and f.namespace = p_namespace and f.browser_digest = p_browser_digest
       and f.purpose = 'signup' and f.finished_at is null and f.expires_at > now()
       and u.id = f.user_id and u.password_hash is null and u.disabled_at is null
    returning f.* into v_flow;
    if not found then
        perform authn._leave(v_outer);
        return query select 'gone', null::uuid, null::uuid, null::text;
        return;
    end if;
    perform authn.update_password(v_flow.user_id, p_password_hash, p_namespace);
    perform authn._accept_terms(v_flow.user_id, v_flow.terms_version, p_namespace);
    v_session_id := authn._first_session(v_flow.id, v_flow.user_id, p_browser_digest, p_session, p_actor, p_namespace);
    perform authn._leave(v_outer);
    return query select case when v_session_id is null then 'pending' else 'session' end, v_flow.user_id, v_session_id,
        v_flow.return_to;
end
$$;
comment on function authn.finish_signup(uuid, text, text, jsonb, jsonb, text) is
    'Ends a sign-up whose address was proven by a link opened in another browser than the one that asked: the password '
    'chosen there becomes the account''s, and that browser is logged in. Outcome: session, pending, gone.';

create or replace function authn._first_session(
    p_flow_id uuid, p_user_id uuid, p_browser_digest text, p_session jsonb, p_actor jsonb, p_namespace text
) returns uuid
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_session_id uuid;
begin
    if authn._policy(p_namespace) ->> 'second_factor' = 'required' then
        -- The sign-up goes on as a login that has proven the mailbox and must set up its second step.
        update authn.login_flows f
           set purpose = 'login', finished_at = null, user_id = p_user_id, new_password_hash = null,
               factors = jsonb_build_array(p_session -> 'mailbox')
         where f.id = p_flow_id;
        return null;
    end if;
    v_session_id := authn._issue_session(p_user_id, p_browser_digest, p_session - 'mailbox', p_actor, p_namespace);
    update authn.login_flows f
       set finished_at = coalesce(f.finished_at, now()), user_id = p_user_id, session_id = v_session_id,
           new_password_hash = null
     where f.id = p_flow_id;
    return v_session_id;
end
$$;
comment on function authn._first_session(uuid, uuid, text, jsonb, jsonb, text) is
    'Ends a sign-up with a session, or leaves its flow as a login that waits for its second step (NULL) where the namespace '
    'asks everybody for one. p_session: what _issue_session takes, and mailbox, the factor that the sign-up has proven.';
revoke all on function authn._first_session(uuid, uuid, text, jsonb, jsonb, text) from public;

create or replace function authn._make_proven_user(p_email text, p_password_hash text, p_name text, p_namespace text)
returns uuid
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid;
begin
    -- Asked again: between the mail and its code the namespace may have closed its doors, or the invitation run out.
    if exists (select 1 from authn.users u where u.namespace = p_namespace and u.email = p_email)
        or not authn._signup_permitted(p_email, p_namespace)
    then
        return null;
    end if;
    begin
        v_user_id := authn.create_user(p_email, p_password_hash, p_namespace);
    exception when unique_violation then
        return null;
    end;
    update authn.users u set email_verified_at = now(), name = p_name where u.id = v_user_id;
    perform authn._mirror_email(v_user_id, p_namespace);
    perform authn._use_invite(p_email, p_namespace);
    perform authn._audit('email_verified', 'user', v_user_id::text, null, null, p_namespace);
    return v_user_id;
end
$$;
comment on function authn._make_proven_user(text, text, text, text) is
    'Makes an account whose address has just been proven; NULL when the address has one already or may not sign up.';
revoke all on function authn._make_proven_user(text, text, text, text) from public;

create or replace function authn._no_account_because(p_email text, p_namespace text) returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    -- Not by what is permitted: an invitation is used up by the account that it made.
    v_reason text := case when exists (
        select 1 from authn.users u where u.namespace = p_namespace and u.email = p_email) then 'taken' else 'refused' end;
begin
    perform authn._audit('signup_refused', 'email', p_email, null, jsonb_build_object('reason', v_reason), p_namespace);
    return v_reason;
end
$$;
comment on function authn._no_account_because(text, text) is
    'Why _make_proven_user made none: taken (there is one), or refused (the address may not sign up any more). Leaves an event.';
revoke all on function authn._no_account_because(text, text) from public;

revoke all on function authn.begin_signup(jsonb, jsonb, text) from public;
grant execute on function authn.begin_signup(jsonb, jsonb, text) to portal_app;
revoke all on function authn.use_signup_code(uuid, text, uuid, text, jsonb, jsonb, text) from public;
grant execute on function authn.use_signup_code(uuid, text, uuid, text, jsonb, jsonb, text) to portal_app;
revoke all on function authn.use_signup_link(text, text, jsonb, jsonb, jsonb, text) from public;
grant execute on function authn.use_signup_link(text, text, jsonb, jsonb, jsonb, text) to portal_app;
revoke all on function authn.finish_signup(uuid, text, text, jsonb, jsonb, text) from public;
grant execute on function authn.finish_signup(uuid, text, text, jsonb, jsonb, text) to portal_app;
