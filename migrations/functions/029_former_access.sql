-- What ends when somebody changes how they log in: whoever else is in, or on the way in, may be the reason for it.

create or replace function authn._end_open_proofs(p_user_id uuid, p_except_flow_id uuid, p_namespace text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- By each address and number of the account, for any of them begins a login.
    update authn.verifications v
       set used_at = now(), approved_at = null
     where v.namespace = p_namespace and (v.used_at is null or v.approved_at is not null)
       and v.email in (
               select u.email from authn.users u where u.id = p_user_id and u.namespace = p_namespace
               union all
               select i.value from authn.identities i where i.user_id = p_user_id and i.namespace = p_namespace);
    update authn.tokens t
       set used_at = now()
     where t.namespace = p_namespace and t.user_id = p_user_id and t.used_at is null;
    -- Half a login made with the old password is as good as the password: it ends too.
    update authn.login_flows f
       set finished_at = now(), recovered_at = null
     where f.namespace = p_namespace and f.user_id = p_user_id and f.finished_at is null
       and f.id is distinct from p_except_flow_id;
end
$$;
comment on function authn._end_open_proofs(uuid, uuid, text) is
    'After a change of how somebody logs in: codes, links, tokens and unfinished logins that were open for the account end. '
    'p_except_flow_id is the flow that made the change.';
revoke all on function authn._end_open_proofs(uuid, uuid, text) from public;

create or replace function authn._forget_browsers(p_user_id uuid, p_except_session_id uuid, p_namespace text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    delete from authn.known_browsers k
     where k.namespace = p_namespace and k.user_id = p_user_id
       and k.browser_digest not in (
               select s.browser_digest
                 from authn.sessions s
                where s.id = p_except_session_id and s.namespace = p_namespace and s.user_id = p_user_id
                  and s.browser_digest is not null);
end
$$;
comment on function authn._forget_browsers(uuid, uuid, text) is
    'The account knows no browser any more but that of p_except_session_id: one that logged in with the old password would '
    'keep tries of its own at the new one.';
revoke all on function authn._forget_browsers(uuid, uuid, text) from public;

create or replace function authn._stop_recoveries_of(p_user_id uuid, p_namespace text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    update authn.second_step_recoveries r
       set stopped_at = now(), reminders = '{}'
     where r.namespace = p_namespace and r.user_id = p_user_id and r.stopped_at is null and r.finished_at is null
       and r.expires_at > now();
    if found then
        perform authn._audit('second_step_recovery_stopped', 'user', p_user_id::text, null, null, p_namespace);
    end if;
end
$$;
comment on function authn._stop_recoveries_of(uuid, text) is
    'Whoever takes the second step has not lost it: a wish to take it off ends with that.';
revoke all on function authn._stop_recoveries_of(uuid, text) from public;

create or replace function authn._end_former_access(p_user_id uuid, p_except_session_id uuid, p_namespace text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_except_session_id is null then
        perform authn.revoke_all_sessions(p_user_id, p_namespace);
    else
        perform authn.revoke_other_sessions(p_user_id, p_except_session_id, p_namespace);
    end if;
    -- What an app holds for when the person is away (offline_access) does not end with a session.
    update authn.refresh_token_families f
       set ended_at = now(), ended_reason = 'credentials_changed'
     where f.namespace = p_namespace and f.user_id = p_user_id and f.ended_at is null
       and 'offline_access' = any (f.scopes);
    perform authn._end_open_proofs(p_user_id, null, p_namespace);
    perform authn._stop_recoveries_of(p_user_id, p_namespace);
    perform authn._forget_browsers(p_user_id, p_except_session_id, p_namespace);
end
$$;
comment on function authn._end_former_access(uuid, uuid, text) is
    'Ends everything that began with what somebody logged in by before they changed it: sessions but p_except_session_id '
    '(NULL: all), what apps hold for when the person is away, open codes, links and half-made logins, a wish to take the '
    'second step off, and the tries of their own that known browsers have.';
revoke all on function authn._end_former_access(uuid, uuid, text) from public;
