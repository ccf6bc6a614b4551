-- Sessions by their token: created, validated, extended, revoked, listed.

create or replace function authn.create_session(
    p_user_id uuid,
    p_token_hash text,
    p_expires_in interval default null,
    p_ip_address inet default null,
    p_user_agent text default null,
    p_namespace text default 'default'
) returns uuid
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_session_id uuid;
    v_expires_at timestamptz;
begin
    perform authn._check_hash(p_token_hash, 'token_hash');
    perform authn._lock_enabled_user(p_user_id, p_namespace);
    v_expires_at := now() + coalesce(p_expires_in, authn._setting_interval('session_duration', interval '7 days'));
    insert into authn.sessions (namespace, user_id, token_hash, expires_at, ip_address, user_agent)
    values (p_namespace, p_user_id, p_token_hash, v_expires_at, p_ip_address, left(p_user_agent, 1024))
    on conflict do nothing
    returning id into v_session_id;
    if v_session_id is null then
        perform authn._raise_duplicate('token_hash', 'sessions_token_hash_key');
    end if;
    perform authn._audit(
        'session_created', 'session', v_session_id::text, null,
        jsonb_build_object('user_id', p_user_id, 'expires_at', v_expires_at), p_namespace
    );
    perform authn._leave(v_outer);
    return v_session_id;
end
$$;
comment on function authn.create_session(uuid, text, interval, inet, text, text) is
    'Starts a session with a fixed end and returns its id: 7 days unless p_expires_in or the setting '
    'authn.session_duration says otherwise. Refused for a disabled user.';

create or replace function authn.validate_session(p_token_hash text, p_namespace text default 'default')
returns table (user_id uuid, email text, session_id uuid)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    -- _enter and _leave by hand, without PERFORM and RETURN QUERY: this runs for every request, and so costs half.
    v_outer text := coalesce(current_setting('authn.tenant_id', true), '');
    v_set text;
begin
    if v_outer = '' then
        v_set := set_config('authn.tenant_id', p_namespace, true);
    end if;
    select u.id, u.email, s.id
      into user_id, email, session_id
      from authn.sessions s
      join authn.users u on u.id = s.user_id and u.namespace = s.namespace
     where s.token_hash = p_token_hash
       and s.namespace = p_namespace
       and s.revoked_at is null
       and s.expires_at > now()
       and u.disabled_at is null;
    if found then
        return next;
    else
        -- Only now: what cannot be a namespace or a hash is in no row, so what was found needs no check.
        perform authn._check_namespace(p_namespace);
        perform authn._check_hash(p_token_hash, 'token_hash');
    end if;
    v_set := set_config('authn.tenant_id', v_outer, true);
end
$$;
comment on function authn.validate_session(text, text) is
    'Returns whose session this is, or no row when it is unknown, expired or revoked or its user disabled. Writes nothing.';

create or replace function authn.extend_session(
    p_token_hash text, p_extend_by interval default null, p_namespace text default 'default'
) returns timestamptz
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_session_id uuid;
    v_expires_at timestamptz;
begin
    perform authn._check_hash(p_token_hash, 'token_hash');
    update authn.sessions s
       set expires_at = least(
               now() + coalesce(p_extend_by, authn._setting_interval('session_duration', interval '7 days')),
               s.absolute_expires_at
           )
      from authn.users u
     where s.token_hash = p_token_hash
       and s.namespace = p_namespace
       and s.revoked_at is null
       and s.expires_at > now()
       and u.id = s.user_id
       and u.namespace = s.namespace
       and u.disabled_at is null
    returning s.id, s.expires_at into v_session_id, v_expires_at;
    if found then
        perform authn._audit(
            'session_extended', 'session', v_session_id::text, null,
            jsonb_build_object('expires_at', v_expires_at), p_namespace
        );
    end if;
    perform authn._leave(v_outer);
    return v_expires_at;
end
$$;
comment on function authn.extend_session(text, interval, text) is
    'Lets a valid session end at now() + p_extend_by, which may be sooner than before, never after its absolute end. '
    'Returns the new end, or NULL when the session is not valid.';

create or replace function authn.revoke_session(p_token_hash text, p_namespace text default 'default') returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_session_id uuid;
    v_user_id uuid;
begin
    perform authn._check_hash(p_token_hash, 'token_hash');
    update authn.sessions s
       set revoked_at = now()
     where s.token_hash = p_token_hash and s.namespace = p_namespace and s.revoked_at is null
    returning s.id, s.user_id into v_session_id, v_user_id;
    if v_session_id is not null then
        perform authn._audit(
            'session_revoked', 'session', v_session_id::text, null, jsonb_build_object('user_id', v_user_id), p_namespace
        );
    end if;
    perform authn._leave(v_outer);
    return v_session_id is not null;
end
$$;
comment on function authn.revoke_session(text, text) is
    'Ends the session with this token. False when there is none or it was revoked before.';

create or replace function authn.revoke_session_by_id(
    p_session_id uuid, p_user_id uuid, p_namespace text default 'default'
) returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_revoked boolean;
begin
    perform authn._require(p_session_id is not null, 'session_id');
    perform authn._require(p_user_id is not null, 'user_id');
    update authn.sessions s
       set revoked_at = now()
     where s.id = p_session_id and s.user_id = p_user_id and s.namespace = p_namespace and s.revoked_at is null;
    v_revoked := found;
    if v_revoked then
        perform authn._audit(
            'session_revoked', 'session', p_session_id::text, null, jsonb_build_object('user_id', p_user_id), p_namespace
        );
    end if;
    perform authn._leave(v_outer);
    return v_revoked;
end
$$;
comment on function authn.revoke_session_by_id(uuid, uuid, text) is
    'Ends one of the user''s own sessions. False for a session of someone else, like for one that does not exist.';

create or replace function authn.revoke_other_sessions(
    p_user_id uuid, p_except_session_id uuid, p_namespace text default 'default'
) returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_count integer;
begin
    perform authn._require(p_user_id is not null, 'user_id');
    perform authn._require(p_except_session_id is not null, 'except_session_id');
    update authn.sessions s
       set revoked_at = now()
     where s.namespace = p_namespace
       and s.user_id = p_user_id
       and s.id <> p_except_session_id
       and s.revoked_at is null
       and s.expires_at > now();
    get diagnostics v_count = row_count;
    if v_count > 0 then
        perform authn._audit(
            'sessions_revoked_other', 'user', p_user_id::text, null,
            jsonb_build_object('sessions_revoked', v_count, 'except_session_id', p_except_session_id), p_namespace
        );
    end if;
    perform authn._leave(v_outer);
    return v_count;
end
$$;
comment on function authn.revoke_other_sessions(uuid, uuid, text) is
    'Ends the user''s live sessions but one, and returns how many.';

create or replace function authn.revoke_all_sessions(p_user_id uuid, p_namespace text default 'default') returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_count integer;
begin
    perform authn._require(p_user_id is not null, 'user_id');
    update authn.sessions s
       set revoked_at = now()
     where s.namespace = p_namespace and s.user_id = p_user_id and s.revoked_at is null and s.expires_at > now();
    get diagnostics v_count = row_count;
    if v_count > 0 then
        perform authn._audit(
            'sessions_revoked_all', 'user', p_user_id::text, null, jsonb_build_object('sessions_revoked', v_count),
            p_namespace
        );
    end if;
    perform authn._leave(v_outer);
    return v_count;
end
$$;
comment on function authn.revoke_all_sessions(uuid, text) is 'Ends the user''s live sessions, and returns how many.';

create or replace function authn.list_sessions(p_user_id uuid, p_namespace text default 'default')
returns table (
    id uuid, created_at timestamptz, expires_at timestamptz, ip_address inet, user_agent text, session_id uuid
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
begin
    perform authn._require(p_user_id is not null, 'user_id');
    return query
    select s.id, s.created_at, s.expires_at, s.ip_address, s.user_agent, s.id
      from authn.sessions s
     where s.namespace = p_namespace and s.user_id = p_user_id and s.revoked_at is null and s.expires_at > now()
     order by s.created_at desc, s.id;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.list_sessions(uuid, text) is
    'Returns the user''s live sessions, newest first. Never a token hash.';

revoke all on function authn.create_session(uuid, text, interval, inet, text, text), authn.validate_session(text, text),
    authn.extend_session(text, interval, text), authn.revoke_session(text, text),
    authn.revoke_session_by_id(uuid, uuid, text), authn.revoke_other_sessions(uuid, uuid, text),
    authn.revoke_all_sessions(uuid, text), authn.list_sessions(uuid, text) from public;
grant execute on function authn.create_session(uuid, text, interval, inet, text, text), authn.validate_session(text, text),
    authn.extend_session(text, interval, text), authn.revoke_session(text, text),
    authn.revoke_session_by_id(uuid, uuid, text), authn.revoke_other_sessions(uuid, uuid, text),
    authn.revoke_all_sessions(uuid, text), authn.list_sessions(uuid, text) to portal_app;
