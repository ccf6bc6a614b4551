-- A forgotten password: proof by mail, then a new password; and the change of a password that is known.

create or replace function authn.begin_recovery(p_wish jsonb, p_actor jsonb, p_namespace text default 'default')
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
          from authn._begin_account_proof(p_wish, 'recovery', p_actor, p_namespace) b;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.begin_recovery(jsonb, jsonb, text) is
    'Mails a recovery code and link, or, where no account can log in, that there is none: same rows, same statements. '
    'p_wish: what _begin_proof takes, and mail_disabled for a disabled account. Outcome: sent, too_soon or throttled (with retry_after), gone.';

create or replace function authn.use_recovery_mail_code(
    p_flow_id uuid, p_browser_digest text, p_verification_id uuid, p_code_digest text, p_actor jsonb,
    p_namespace text default 'default'
) returns table (outcome text, tries_left integer)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_try record;
    v_proof authn.verifications;
begin
    perform authn._apply_actor(p_actor);
    perform authn._lock_proof(p_verification_id, null, p_namespace);
    select t.* into v_try
      from authn._try_code(p_flow_id, p_browser_digest, p_verification_id, p_code_digest, 'recovery', p_namespace) t;
    if v_try.outcome = 'right' then
        update authn.verifications v set used_at = now()
         where v.id = p_verification_id and v.outcome = 'recovery' and v.used_at is null
        returning v.* into v_proof;
        if v_proof.id is null or authn._mark_recovered(v_proof, p_flow_id, p_namespace) is null then
            v_try.outcome := 'dead';
        end if;
    end if;
    perform authn._leave(v_outer);
    return query select v_try.outcome, v_try.tries_left;
end
$$;
comment on function authn.use_recovery_mail_code(uuid, text, uuid, text, jsonb, text) is
    'Checks a recovery code; the right one lets this flow set a new password. Outcome: right, wrong (tries_left), dead.';

create or replace function authn.use_recovery_link(
    p_link_digest text, p_browser_digest text, p_elsewhere jsonb, p_actor jsonb, p_namespace text default 'default'
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
    perform authn._apply_actor(p_actor);
    v_proof := authn._take_link(p_link_digest, array['recovery'], p_namespace);
    if v_proof.id is not null then
        select f.id into v_flow_id
          from authn.login_flows f
         where f.id = v_proof.flow_id and f.browser_digest = p_browser_digest
           and f.finished_at is null and f.expires_at > now();
        if not found then
            v_flow_id := authn.start_login_flow(
                p_elsewhere || jsonb_build_object('email', v_proof.email, 'browser_digest', p_browser_digest), p_namespace);
        end if;
        v_flow_id := authn._mark_recovered(v_proof, v_flow_id, p_namespace);
    end if;
    perform authn._leave(v_outer);
    return v_flow_id;
end
$$;
comment on function authn.use_recovery_link(text, text, jsonb, jsonb, text) is
    'Uses a recovery link and returns the flow that may set a new password: the one that asked, in its own browser, else a '
    'fresh one (p_elsewhere: return_to, client_id, app_name, expires_in). NULL when the link no longer works.';

create or replace function authn._mark_recovered(p_proof authn.verifications, p_flow_id uuid, p_namespace text) returns uuid
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_flow_id uuid;
begin
    update authn.login_flows f
       set recovered_at = now(), user_id = u.id, email = u.email
      from authn.users u
     where f.id = p_flow_id and f.namespace = p_namespace and f.finished_at is null and f.user_id is null
       and u.namespace = p_namespace and u.email = p_proof.email and u.disabled_at is null
    returning f.id into v_flow_id;
    if found then
        perform authn._audit('recovery_proven', 'email', p_proof.email, null, null, p_namespace);
    end if;
    return v_flow_id;
end
$$;
comment on function authn._mark_recovered(authn.verifications, uuid, text) is
    'Notes in a flow that the mailbox of its account was proven. NULL when there is no account that can log in any more.';

create or replace function authn.finish_recovery(
    p_login jsonb, p_password_hash text, p_mail_changed text, p_actor jsonb, p_namespace text default 'default'
) returns table (
    outcome text, flow_id uuid, session_id uuid, return_to text, enrolled text[], declined text[]
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    c_valid_for constant interval := interval '15 minutes';  -- to think of a password, not to leave the desk
    v_outer text := authn._enter(p_namespace);
    v_flow authn.login_flows;
begin
    perform authn._apply_actor(p_actor);
    select f.* into v_flow
      from authn.login_flows f where f.id = (p_login ->> 'flow_id')::uuid and f.namespace = p_namespace;
    perform authn._lock_login(v_flow.email, v_flow.id, p_namespace);
    -- The proof is taken here: without it, or a second time, there is nothing to take.
    update authn.login_flows f
       set recovered_at = null
     where f.id = (p_login ->> 'flow_id')::uuid and f.namespace = p_namespace
       and f.browser_digest = p_login ->> 'browser_digest' and f.finished_at is null and f.expires_at > now()
       and f.recovered_at > now() - c_valid_for and f.user_id = (p_login ->> 'user_id')::uuid
       and exists (
               select 1 from authn.users u
                where u.id = f.user_id and u.namespace = p_namespace and u.email = f.email and u.disabled_at is null)
    returning f.* into v_flow;
    if not found then
        perform authn._leave(v_outer);
        return query select * from authn._no_login('gone', (p_login ->> 'flow_id')::uuid);
        return;
    end if;
    -- The first proof of an address takes away what was put on the account before it (pre-hijacking).
    perform authn.find_or_create_email_identity(v_flow.email, p_namespace);
    perform authn.update_password(v_flow.user_id, p_password_hash, p_namespace);
    perform authn.revoke_all_sessions(v_flow.user_id, p_namespace);
    perform authn._end_open_proofs(v_flow.user_id, v_flow.id, p_namespace);
    -- A wish to take the second step off stays: it waits for the same mailbox, and who forgot both must not begin again.
    perform authn._forget_browsers(v_flow.user_id, null, p_namespace);
    perform authn._enqueue('mail', p_mail_changed, p_namespace);
    perform authn._audit('account_recovered', 'user', v_flow.user_id::text, null, null, p_namespace);
    return query
    select c.* from authn.complete_login(p_login || jsonb_build_object('recovered', true), p_actor, p_namespace) c;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.finish_recovery(jsonb, text, text, jsonb, text) is
    'Sets the new password of a proven recovery, ends every session, open code, link and half-made login of the account, '
    'tells the owner by mail, and completes the login (p_login: see complete_login), all in one commit. Outcome gone '
    'without a proof, when it was used before, or later than 15 minutes after it.';

create or replace function authn.get_password_state(p_user_id uuid, p_namespace text default 'default')
returns table (has_password boolean, has_second_factor boolean)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
begin
    return query
        select u.password_hash is not null, authn._demands_second_step(u.id, p_namespace)
          from authn.users u
         where u.id = p_user_id and u.namespace = p_namespace;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.get_password_state(uuid, text) is
    'Whether a user has a password, never the hash, and whether a second factor stands beside it.';

create or replace function authn.change_password(
    p_user_id uuid, p_session_id uuid, p_change jsonb, p_actor jsonb, p_namespace text default 'default'
) returns text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_old_hash text := p_change ->> 'old_hash';
begin
    perform authn._apply_actor(p_actor);
    -- The password that was checked must still be the one: of two changes at once the second starts again.
    perform 1 from authn.users u
      where u.id = p_user_id and u.namespace = p_namespace and u.disabled_at is null
        and u.password_hash is not distinct from v_old_hash
        for no key update;
    if not found then
        perform authn._leave(v_outer);
        return 'stale';
    end if;
    -- The current password is a login of this moment, but it is neither there for a first one nor a second factor.
    if not authn._login_is_recent(p_session_id, p_user_id, p_namespace)
        and (v_old_hash is null or authn._demands_second_step(p_user_id, p_namespace)) then
        perform authn._leave(v_outer);
        return 'login_not_recent';
    end if;
    if p_change ->> 'attempt_id' is not null then
        perform authn._confirm_login_attempt((p_change ->> 'attempt_id')::bigint, p_namespace);
    end if;
    perform authn.update_password(p_user_id, p_change ->> 'new_hash', p_namespace);
    perform authn._end_former_access(p_user_id, p_session_id, p_namespace);
    if p_change ->> 'mail_changed' is not null then  -- there are people with a phone number only
        perform authn._enqueue('mail', p_change ->> 'mail_changed', p_namespace);
    end if;
    perform authn._leave(v_outer);
    return 'changed';
end
$$;
comment on function authn.change_password(uuid, uuid, jsonb, jsonb, text) is
    'Changes a password, or sets the first one, ends the other sessions, open codes, links and half-made logins, and tells '
    'the owner by mail. p_change: old_hash (what the current password was checked against; NULL where there is none), '
    'new_hash, attempt_id (of that check), mail_changed (sealed). Outcome: changed, stale (changed meanwhile), '
    'login_not_recent (a first password, or a second factor: the login must be at most 10 minutes old).';

revoke all on function authn.begin_recovery(jsonb, jsonb, text) from public;
grant execute on function authn.begin_recovery(jsonb, jsonb, text) to portal_app;
revoke all on function authn.use_recovery_mail_code(uuid, text, uuid, text, jsonb, text) from public;
grant execute on function authn.use_recovery_mail_code(uuid, text, uuid, text, jsonb, text) to portal_app;
revoke all on function authn.use_recovery_link(text, text, jsonb, jsonb, text) from public;
grant execute on function authn.use_recovery_link(text, text, jsonb, jsonb, text) to portal_app;
revoke all on function authn._mark_recovered(authn.verifications, uuid, text) from public;
revoke all on function authn.finish_recovery(jsonb, text, text, jsonb, text) from public;
grant execute on function authn.finish_recovery(jsonb, text, text, jsonb, text) to portal_app;
revoke all on function authn.get_password_state(uuid, text) from public;
grant execute on function authn.get_password_state(uuid, text) to portal_app;
revoke all on function authn.change_password(uuid, uuid, jsonb, jsonb, text) from public;
grant execute on function authn.change_password(uuid, uuid, jsonb, jsonb, text) to portal_app;
