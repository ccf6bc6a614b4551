-- Profiles: what a person is called, how they like things shown, and what apps keep with them.

create or replace function authn._check_username(p_username text) returns text
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_username text := lower(btrim(p_username));
begin
    perform authn._check_text(p_username, 'username', 1024);
    if length(v_username) > 64 then
        raise exception 'username must be at most 64 characters long' using errcode = '22001';
    end if;
    -- No @, or it could pass for somebody's address; ASCII only, or it could pass for somebody else's name.
    if v_username !~ '^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$' then
        raise exception 'username must be made of letters, digits, dots, dashes and underscores' using errcode = '22023';
    end if;
    return v_username;
end
$$;
comment on function authn._check_username(text) is
    'Returns the name trimmed and lower-cased; raises unless it is 1 to 64 of a-z, 0-9, dot, dash and underscore, with a '
    'letter or digit at both ends.';

create or replace function authn._check_profile_text(p_field text, p_value text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform authn._check_label(p_value, p_field);
    if p_field = 'locale' and p_value !~ '^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,8}$' then
        raise exception 'locale must be a language tag, such as de-CH' using errcode = '22023';
    elsif p_field = 'picture' and p_value !~ '^https?://[^\s<>"]+$' then
        raise exception 'picture must be a web address' using errcode = '22023';
    elsif p_field = 'zoneinfo' then
        begin
            if p_value !~ '^[A-Za-z_]+(/[A-Za-z0-9_+-]+){0,2}$' then
                raise exception 'no zone' using errcode = '22023';
            end if;
            -- In a comparison: PostgreSQL must look the zone up.
            if now() at time zone p_value is null then
                return;
            end if;
        exception when invalid_parameter_value then
            raise exception 'zoneinfo must be a time zone, such as Europe/Zurich' using errcode = '22023';
        end;
    end if;
end
$$;
comment on function authn._check_profile_text(text, text) is
    'Raises for a name, locale, zoneinfo or picture that cannot be one. NULL, which clears it, passes.';

create or replace function authn._check_metadata(p_metadata jsonb) returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    if jsonb_typeof(p_metadata) <> 'object' then
        raise exception 'metadata must be an object' using errcode = '22023';
    end if;
    if octet_length(p_metadata::text) > 16384 then
        raise exception 'metadata must be at most 16384 bytes long' using errcode = '22001';
    end if;
end
$$;
comment on function authn._check_metadata(jsonb) is 'Raises unless it is an object of at most 16384 bytes as text.';

create or replace function authn.get_profile(p_user_id uuid, p_namespace text default 'default')
returns table (
    user_id uuid, email text, email_verified_at timestamptz, name text, username text, locale text, zoneinfo text,
    picture text, metadata jsonb, updated_at timestamptz, id uuid
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
    select u.id, u.email, u.email_verified_at, u.name, u.username, u.locale, u.zoneinfo, u.picture, u.metadata,
           u.updated_at, u.id
      from authn.users u
     where u.namespace = p_namespace and u.id = p_user_id;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.get_profile(uuid, text) is 'Returns what a user''s profile says, or no row.';

create or replace function authn.update_profile(p_user_id uuid, p_changes jsonb, p_namespace text default 'default')
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    c_texts constant text[] := array['name', 'username', 'locale', 'zoneinfo', 'picture'];
    v_outer text := authn._enter(p_namespace);
    v_changes jsonb := p_changes;
    v_field text;
    v_old jsonb;
    v_new jsonb;
begin
    perform authn._require(p_user_id is not null, 'user_id');
    perform authn._require(p_changes is not null, 'changes');
    if jsonb_typeof(p_changes) <> 'object' then
        raise exception 'changes must be an object' using errcode = '22023';
    end if;
    -- A field that is misspelt, or not the person's to set (email_verified_at), must not be passed over in silence.
    if p_changes - (c_texts || array['metadata']) <> '{}' then
        raise exception 'changes has an unknown field' using errcode = '22023';
    end if;
    foreach v_field in array c_texts loop
        if jsonb_typeof(p_changes -> v_field) not in ('string', 'null') then
            raise exception '% must be a text', v_field using errcode = '22023';
        end if;
        perform authn._check_profile_text(v_field, p_changes ->> v_field);
    end loop;
    if p_changes ->> 'username' is not null then
        v_changes := v_changes || jsonb_build_object('username', authn._check_username(p_changes ->> 'username'));
    end if;
    if p_changes ? 'metadata' then
        perform authn._check_metadata(p_changes -> 'metadata');
    end if;

    select to_jsonb(u) into v_old
      from authn.users u
     where u.namespace = p_namespace and u.id = p_user_id
       for no key update;
    if v_old is not null then
        -- Only what becomes different, so that saving a form without a change is no event.
        select coalesce(jsonb_object_agg(c.key, v_old -> c.key), '{}'), coalesce(jsonb_object_agg(c.key, c.value), '{}')
          into v_old, v_new
          from jsonb_each(v_changes) c
         where c.value is distinct from v_old -> c.key;
        if v_new <> '{}' then
            begin
                update authn.users u
                   set name = case when v_new ? 'name' then v_new ->> 'name' else u.name end,
                       username = case when v_new ? 'username' then v_new ->> 'username' else u.username end,
                       locale = case when v_new ? 'locale' then v_new ->> 'locale' else u.locale end,
                       zoneinfo = case when v_new ? 'zoneinfo' then v_new ->> 'zoneinfo' else u.zoneinfo end,
                       picture = case when v_new ? 'picture' then v_new ->> 'picture' else u.picture end,
                       metadata = coalesce(v_new -> 'metadata', u.metadata),
                       updated_at = now()
                 where u.namespace = p_namespace and u.id = p_user_id;
            exception when unique_violation then
                perform authn._raise_duplicate('username', 'users_username_key');
            end;
            -- Not what metadata holds: apps keep there what they like, and the log is for ever.
            perform authn._audit(
                'user_updated', 'user', p_user_id::text, v_old - 'metadata',
                v_new - 'metadata' || case when v_new ? 'metadata' then '{"metadata_changed": true}' else '{}' end::jsonb,
                p_namespace
            );
        end if;
    end if;
    perform authn._leave(v_outer);
    return v_old is not null;
end
$$;
comment on function authn.update_profile(uuid, jsonb, text) is
    'Changes the named fields of a profile: name, username, locale, zoneinfo, picture (texts, null clears) and metadata (an '
    'object of at most 16384 bytes, replaced as a whole). False where there is no such user. A username that is taken is a '
    'unique violation, an unknown field an error. Writes user_updated when anything becomes different.';

create or replace function authn.get_user_by_username(p_username text, p_namespace text default 'default')
returns table (
    user_id uuid, email text, email_verified_at timestamptz, disabled_at timestamptz, created_at timestamptz,
    updated_at timestamptz, id uuid
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_username text := authn._check_username(p_username);
begin
    return query
    select u.id, u.email, u.email_verified_at, u.disabled_at, u.created_at, u.updated_at, u.id
      from authn.users u
     where u.namespace = p_namespace and u.username = v_username;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.get_user_by_username(text, text) is
    'Returns the user with this username, in any letter case, or no row. Never the password hash.';

revoke all on function authn._check_username(text), authn._check_profile_text(text, text), authn._check_metadata(jsonb),
    authn.get_profile(uuid, text), authn.update_profile(uuid, jsonb, text), authn.get_user_by_username(text, text)
    from public;
grant execute on function authn.get_profile(uuid, text), authn.update_profile(uuid, jsonb, text),
    authn.get_user_by_username(text, text) to portal_app;
