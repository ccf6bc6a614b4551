-- Sessions of the portal's own pages: they slide with activity up to an absolute end, and know how and where they began.

create or replace function authn.start_session(
    p_user_id uuid, p_token_hash text, p_session jsonb, p_actor jsonb, p_namespace text default 'default'
) returns uuid
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_session jsonb := coalesce(p_session, '{}');
    v_new record;
    v_absolute_expires_at timestamptz;
    v_expires_at timestamptz;
    v_session_id uuid;
begin
    perform authn._apply_actor(p_actor);
    perform authn._check_hash(p_token_hash, 'token_hash');
    -- A misspelt lifetime must not become the default one.
    if v_session - array[
        'idle_timeout', 'absolute_lifetime', 'amr', 'auth_time', 'browser_digest', 'remembered', 'device_type', 'os_name',
        'os_version', 'app_name', 'app_version', 'client_id', 'country', 'region', 'ip_address', 'user_agent'
    ] <> '{}' then
        raise exception 'session has an unknown field' using errcode = '22023';
    end if;
    perform authn._lock_enabled_user(p_user_id, p_namespace);
    select coalesce(f.idle_timeout, interval '14 days') as idle_timeout,
           coalesce(f.absolute_lifetime, interval '90 days') as absolute_lifetime,
           coalesce(f.amr, '{}') as amr, coalesce(f.auth_time, now()) as auth_time, f.browser_digest,
           coalesce(f.remembered, false) as remembered, f.device_type, f.os_name, f.os_version, f.app_name, f.app_version,
           f.client_id, f.country, f.region,
           coalesce(f.ip_address, (p_actor ->> 'ip_address')::inet) as ip_address,
           left(coalesce(f.user_agent, p_actor ->> 'user_agent'), 1024) as user_agent
      into v_new
      from jsonb_to_record(v_session) as f (
        idle_timeout interval, absolute_lifetime interval, amr text[], auth_time timestamptz, browser_digest text,
        remembered boolean, device_type text, os_name text, os_version text, app_name text, app_version text,
        client_id text, country text, region text, ip_address inet, user_agent text
      );
    v_absolute_expires_at := now() + v_new.absolute_lifetime;
    v_expires_at := least(now() + v_new.idle_timeout, v_absolute_expires_at);
    insert into authn.sessions (
        namespace, user_id, token_hash, expires_at, idle_timeout, absolute_expires_at, amr, auth_time, browser_digest,
        remembered, device_type, os_name, os_version, app_name, app_version, client_id, country, region, ip_address,
        user_agent
    )
    values (
        p_namespace, p_user_id, p_token_hash, v_expires_at, v_new.idle_timeout, v_absolute_expires_at, v_new.amr,
        v_new.auth_time, v_new.browser_digest, v_new.remembered, v_new.device_type, v_new.os_name, v_new.os_version,
        v_new.app_name, v_new.app_version, v_new.client_id, v_new.country, v_new.region, v_new.ip_address,
        v_new.user_agent
    )
    on conflict do nothing
    returning id into v_session_id;
    if v_session_id is null then
        perform authn._raise_duplicate('token_hash', 'sessions_token_hash_key');
    end if;
    perform authn._audit(
        'session_created', 'session', v_session_id::text, null,
        jsonb_build_object('user_id', p_user_id, 'expires_at', v_expires_at, 'amr', v_new.amr), p_namespace
    );
    perform authn._leave(v_outer);
    return v_session_id;
end
$$;
comment on function authn.start_session(uuid, text, jsonb, jsonb, text) is
    'Starts a session of the portal''s pages and returns its id. p_session: idle_timeout (14 days), absolute_lifetime '
    '(90 days), amr, auth_time (now), browser_digest, remembered, device_type, os_name, os_version, app_name, app_version, '
    'client_id, country, region, ip_address and user_agent (the actor''s). Any other field is an error.';

create or replace function authn.resume_session(p_token_hash text, p_namespace text default 'default')
returns table (
    session_id uuid, user_id uuid, email text, email_verified boolean, name text, auth_time timestamptz, amr text[],
    created_at timestamptz, expires_at timestamptz, remembered boolean
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    -- _enter and _leave by hand and checks last, as in validate_session, for the same reason.
    v_outer text := coalesce(current_setting('authn.tenant_id', true), '');
    v_set text;
    v_touch boolean;
    v_expires_at timestamptz;
begin
    if v_outer = '' then
        v_set := set_config('authn.tenant_id', p_namespace, true);
    end if;
    select u.id, u.email, u.email_verified_at is not null, u.name,
           s.id, s.auth_time, s.amr, s.created_at, s.expires_at, s.remembered,
           s.last_active_at <= now() - interval '1 minute'
      into user_id, email, email_verified, name,
           session_id, auth_time, amr, created_at, expires_at, remembered,
           v_touch
      from authn.sessions s
      join authn.users u on u.id = s.user_id and u.namespace = s.namespace
     where s.token_hash = p_token_hash
       and s.namespace = p_namespace
       and s.revoked_at is null
       and s.expires_at > now()
       and (s.absolute_expires_at is null or s.absolute_expires_at > now())
       and u.disabled_at is null;
    if found then
        if v_touch then
            -- SKIP LOCKED: of a page's ten requests one writes, and the others do not queue behind it.
            update authn.sessions s
               set last_active_at = now(),
                   expires_at = case
                       when s.idle_timeout is null then s.expires_at
                       else greatest(s.expires_at, least(now() + s.idle_timeout, s.absolute_expires_at))
                   end
             where s.id = (
                       select d.id
                         from authn.sessions d
                        where d.id = resume_session.session_id
                          and d.revoked_at is null
                          and d.last_active_at <= now() - interval '1 minute'
                          for no key update skip locked
                   )
            returning s.expires_at into v_expires_at;
            expires_at := coalesce(v_expires_at, resume_session.expires_at);
        end if;
        return next;
    else
        perform authn._check_namespace(p_namespace);
        perform authn._check_hash(p_token_hash, 'token_hash');
    end if;
    v_set := set_config('authn.tenant_id', v_outer, true);
end
$$;
comment on function authn.resume_session(text, text) is
    'Returns the session and its user for one page, or no row when it is unknown, expired or revoked or its user disabled. '
    'Counts as activity: at most once a minute it moves the end on by idle_timeout, never past the absolute end.';

create or replace function authn.list_session_devices(p_user_id uuid, p_namespace text default 'default')
returns table (
    id uuid, created_at timestamptz, last_active_at timestamptz, expires_at timestamptz, auth_time timestamptz,
    amr text[], ip_address inet, user_agent text, device_type text, os_name text, os_version text, app_name text,
    app_version text, client_id text, country text, region text, remembered boolean, browser_digest text
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
    select s.id, s.created_at, s.last_active_at, s.expires_at, s.auth_time, s.amr, s.ip_address, s.user_agent,
           s.device_type, s.os_name, s.os_version, s.app_name, s.app_version, s.client_id, s.country, s.region,
           s.remembered, s.browser_digest
      from authn.sessions s
     where s.namespace = p_namespace and s.user_id = p_user_id and s.revoked_at is null and s.expires_at > now()
     order by s.last_active_at desc, s.id;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.list_session_devices(uuid, text) is
    'Returns the user''s live sessions with all that a person recognises a device by, last used first. Never a token hash.';

create or replace function authn.end_session(
    p_session_id uuid, p_user_id uuid, p_actor jsonb, p_namespace text default 'default'
) returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform authn._apply_actor(p_actor);
    return authn.revoke_session_by_id(p_session_id, p_user_id, p_namespace);
end
$$;
comment on function authn.end_session(uuid, uuid, jsonb, text) is
    'revoke_session_by_id with the actor in the same call.';

create or replace function authn.end_other_sessions(
    p_user_id uuid, p_except_session_id uuid, p_actor jsonb, p_namespace text default 'default'
) returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform authn._apply_actor(p_actor);
    return authn.revoke_other_sessions(p_user_id, p_except_session_id, p_namespace);
end
$$;
comment on function authn.end_other_sessions(uuid, uuid, jsonb, text) is
    'revoke_other_sessions with the actor in the same call.';

revoke all on function authn.start_session(uuid, text, jsonb, jsonb, text), authn.resume_session(text, text),
    authn.list_session_devices(uuid, text), authn.end_session(uuid, uuid, jsonb, text),
    authn.end_other_sessions(uuid, uuid, jsonb, text) from public;
grant execute on function authn.start_session(uuid, text, jsonb, jsonb, text), authn.resume_session(text, text),
    authn.list_session_devices(uuid, text), authn.end_session(uuid, uuid, jsonb, text),
    authn.end_other_sessions(uuid, uuid, jsonb, text) to portal_app;
