-- API keys: created, validated, listed, revoked.

create or replace function authn.create_api_key(
    p_user_id uuid,
    p_key_hash text,
    p_name text default null,
    p_expires_in interval default null,
    p_namespace text default 'default'
) returns uuid
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    -- More than anyone keeps an eye on; fewer than would fill the table through a stolen session.
    c_keys_a_user constant integer := 50;
    v_outer text := authn._enter(p_namespace);
    v_key_id uuid;
    v_expires_at timestamptz := now() + p_expires_in;
begin
    perform authn._check_hash(p_key_hash, 'key_hash');
    perform authn._check_label(p_name, 'name');
    -- The lock on the user also puts creators at once in line: each counts what the one before it made.
    perform authn._lock_enabled_user(p_user_id, p_namespace);
    if (
        select count(*)
          from authn.api_keys k
         where k.namespace = p_namespace
           and k.user_id = p_user_id
           and k.revoked_at is null
           and (k.expires_at is null or k.expires_at > now())
    ) >= c_keys_a_user then
        raise exception 'a user may have at most % API keys', c_keys_a_user using errcode = '54000';
    end if;
    insert into authn.api_keys (namespace, user_id, key_hash, name, expires_at)
    values (p_namespace, p_user_id, p_key_hash, p_name, v_expires_at)
    on conflict do nothing
    returning id into v_key_id;
    if v_key_id is null then
        perform authn._raise_duplicate('key_hash', 'api_keys_key_hash_key');
    end if;
    perform authn._audit(
        'api_key_created', 'api_key', v_key_id::text, null,
        jsonb_build_object('user_id', p_user_id, 'name', p_name, 'expires_at', v_expires_at), p_namespace
    );
    perform authn._leave(v_outer);
    return v_key_id;
end
$$;
comment on function authn.create_api_key(uuid, text, text, interval, text) is
    'Makes an API key and returns its id. Without p_expires_in it never expires. Refused for a disabled user (55000), and '
    'when the user has 50 live keys (54000).';

create or replace function authn.validate_api_key(p_key_hash text, p_namespace text default 'default')
returns table (user_id uuid, key_id uuid, name text, expires_at timestamptz)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    -- _enter and _leave by hand and checks last, as in validate_session, for the same reason.
    v_outer text := coalesce(current_setting('authn.tenant_id', true), '');
    v_set text;
    v_touch boolean;
begin
    if v_outer = '' then
        v_set := set_config('authn.tenant_id', p_namespace, true);
    end if;
    select k.user_id, k.id, k.name, k.expires_at,
           k.last_used_at is null or k.last_used_at <= now() - interval '1 minute'
      into user_id, key_id, name, expires_at, v_touch
      from authn.api_keys k
      join authn.users u on u.id = k.user_id and u.namespace = k.namespace
     where k.key_hash = p_key_hash
       and k.namespace = p_namespace
       and k.revoked_at is null
       and (k.expires_at is null or k.expires_at > now())
       and u.disabled_at is null;
    if found then
        if v_touch then
            -- SKIP LOCKED: a program's parallel calls must not queue behind the one that writes.
            update authn.api_keys k
               set last_used_at = now()
             where k.id = (
                       select d.id
                         from authn.api_keys d
                        where d.id = validate_api_key.key_id
                          and (d.last_used_at is null or d.last_used_at <= now() - interval '1 minute')
                          for no key update skip locked
                   );
        end if;
        return next;
    else
        perform authn._check_namespace(p_namespace);
        perform authn._check_hash(p_key_hash, 'key_hash');
    end if;
    v_set := set_config('authn.tenant_id', v_outer, true);
end
$$;
comment on function authn.validate_api_key(text, text) is
    'Returns whose key this is, or no row when it is unknown, expired or revoked or its user disabled. Writes last_used_at '
    'on first use, then at most once a minute.';

create or replace function authn.list_api_keys(p_user_id uuid, p_namespace text default 'default')
returns table (
    key_id uuid, name text, created_at timestamptz, expires_at timestamptz, last_used_at timestamptz
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
    select k.id, k.name, k.created_at, k.expires_at, k.last_used_at
      from authn.api_keys k
     where k.namespace = p_namespace
       and k.user_id = p_user_id
       and k.revoked_at is null
       and (k.expires_at is null or k.expires_at > now())
     order by k.created_at desc, k.id;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.list_api_keys(uuid, text) is 'Returns the user''s live keys, newest first. Never a key hash.';

create or replace function authn.revoke_api_key(p_key_id uuid, p_namespace text default 'default') returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_user_id uuid;
begin
    perform authn._require(p_key_id is not null, 'key_id');
    update authn.api_keys k
       set revoked_at = now()
     where k.id = p_key_id and k.namespace = p_namespace and k.revoked_at is null
    returning k.user_id into v_user_id;
    if v_user_id is not null then
        perform authn._audit(
            'api_key_revoked', 'api_key', p_key_id::text, null, jsonb_build_object('user_id', v_user_id), p_namespace
        );
    end if;
    perform authn._leave(v_outer);
    return v_user_id is not null;
end
$$;
comment on function authn.revoke_api_key(uuid, text) is
    'Ends a key. False when there is none or it was revoked before.';

create or replace function authn.revoke_all_api_keys(p_user_id uuid, p_namespace text default 'default') returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_count integer;
begin
    perform authn._require(p_user_id is not null, 'user_id');
    update authn.api_keys k
       set revoked_at = now()
     where k.namespace = p_namespace
       and k.user_id = p_user_id
       and k.revoked_at is null
       and (k.expires_at is null or k.expires_at > now());
    get diagnostics v_count = row_count;
    if v_count > 0 then
        perform authn._audit(
            'api_keys_revoked_all', 'user', p_user_id::text, null, jsonb_build_object('api_keys_revoked', v_count),
            p_namespace
        );
    end if;
    perform authn._leave(v_outer);
    return v_count;
end
$$;
comment on function authn.revoke_all_api_keys(uuid, text) is 'Ends the user''s live keys, and returns how many.';

revoke all on function authn.create_api_key(uuid, text, text, interval, text), authn.validate_api_key(text, text),
    authn.list_api_keys(uuid, text), authn.revoke_api_key(uuid, text), authn.revoke_all_api_keys(uuid, text) from public;
grant execute on function authn.create_api_key(uuid, text, text, interval, text), authn.validate_api_key(text, text),
    authn.list_api_keys(uuid, text), authn.revoke_api_key(uuid, text), authn.revoke_all_api_keys(uuid, text)
    to portal_app;
