-- Accounts made by an operator: on the command line, as seeds, by an import. Nobody proves an address here; the operator
-- vouches for it.

create or replace function authn.provision_user(
    p_email text, p_password_hash text, p_name text, p_verified boolean, p_actor jsonb, p_namespace text default 'default'
) returns uuid
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_user_id uuid;
begin
    perform authn._apply_actor(p_actor);
    v_user_id := authn.create_user(p_email, p_password_hash, p_namespace);
    update authn.users u
       set name = p_name, email_verified_at = case when p_verified then now() end
     where u.id = v_user_id and u.namespace = p_namespace;
    perform authn._mirror_email(v_user_id, p_namespace);
    if p_verified then
        perform authn._audit('email_verified', 'user', v_user_id::text, null, null, p_namespace);
    end if;
    perform authn._leave(v_outer);
    return v_user_id;
end
$$;
comment on function authn.provision_user(text, text, text, boolean, jsonb, text) is
    'Makes an account with a name and, where the operator vouches for it, a verified address. A duplicate address is a '
    'unique violation, as in create_user.';

revoke execute on function authn.provision_user(text, text, text, boolean, jsonb, text) from public;
grant execute on function authn.provision_user(text, text, text, boolean, jsonb, text) to portal_app;

create or replace function authn.replace_password(
    p_user_id uuid, p_password_hash text, p_actor jsonb, p_namespace text default 'default'
) returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_ended integer;
begin
    perform authn._apply_actor(p_actor);
    perform 1 from authn.users u where u.id = p_user_id and u.namespace = p_namespace for no key update;
    perform authn.update_password(p_user_id, p_password_hash, p_namespace);
    v_ended := authn.revoke_all_sessions(p_user_id, p_namespace);
    -- Whoever knew the old password may be logged in, or half logged in.
    perform authn._end_former_access(p_user_id, null, p_namespace);
    perform authn._leave(v_outer);
    return v_ended;
end
$$;
comment on function authn.replace_password(uuid, text, jsonb, text) is
    'For `portal users set-password`: another password, and everything ends that began with the old one. Returns how many '
    'sessions that were.';
revoke all on function authn.replace_password(uuid, text, jsonb, text) from public;
grant execute on function authn.replace_password(uuid, text, jsonb, text) to portal_app;

create or replace function authn.log_out_user(p_user_id uuid, p_actor jsonb, p_namespace text default 'default')
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_ended integer;
begin
    perform authn._apply_actor(p_actor);
    perform 1 from authn.users u where u.id = p_user_id and u.namespace = p_namespace for no key update;
    v_ended := authn.revoke_all_sessions(p_user_id, p_namespace);
    update authn.refresh_token_families f
       set ended_at = now(), ended_reason = 'logged_out'
     where f.namespace = p_namespace and f.user_id = p_user_id and f.ended_at is null;
    perform authn._end_open_proofs(p_user_id, null, p_namespace);
    perform authn._leave(v_outer);
    return v_ended;
end
$$;
comment on function authn.log_out_user(uuid, jsonb, text) is
    'For `portal users log-out`: ends a person''s sessions, what apps hold for when they are away, and what they have half '
    'begun. Returns how many sessions that were.';

create or replace function authn.log_everybody_out(p_actor jsonb, p_namespace text default 'default')
returns table (people integer, sessions integer)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_user_id uuid;
begin
    people := 0;
    sessions := 0;
    -- One after the other in one order, so that two operators at once do not wait for each other for ever.
    for v_user_id in
        select s.user_id from authn.sessions s
         where s.namespace = p_namespace and s.revoked_at is null and s.expires_at > now()
        union
        select f.user_id from authn.refresh_token_families f where f.namespace = p_namespace and f.ended_at is null
         order by 1
    loop
        people := people + 1;
        sessions := sessions + authn.log_out_user(v_user_id, p_actor, p_namespace);
    end loop;
    return next;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.log_everybody_out(jsonb, text) is
    'For `portal namespaces log-out`: log_out_user for everybody of a namespace, in one transaction. Returns how many people '
    'and sessions that were.';
revoke all on function authn.log_out_user(uuid, jsonb, text), authn.log_everybody_out(jsonb, text) from public;
grant execute on function authn.log_out_user(uuid, jsonb, text), authn.log_everybody_out(jsonb, text) to portal_app;
