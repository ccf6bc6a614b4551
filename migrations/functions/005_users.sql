-- Users: made, looked up, changed and disabled. Deleting one is 017_erasure.sql.

create or replace function authn._lock_enabled_user(p_user_id uuid, p_namespace text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_disabled_at timestamptz;
begin
    perform authn._require(p_user_id is not null, 'user_id');
    perform authn._check_context(p_namespace);
    -- Locked until the transaction ends: a session made while the account is being disabled would outlive that.
    -- Not FOR SHARE, which two transactions could hold at once and then both need to raise.
    select u.disabled_at
      into v_disabled_at
      from authn.users u
     where u.namespace = p_namespace and u.id = p_user_id
       for no key update;
    if not found then
        raise exception 'user does not exist' using errcode = '23503';
    end if;
    if v_disabled_at is not null then
        raise exception 'user is disabled' using errcode = '55000';
    end if;
end
$$;
comment on function authn._lock_enabled_user(uuid, text) is
    'Locks a user to whom something is about to be given; raises where there is none (23503) or one is disabled (55000).';

create or replace function authn._raise_duplicate(p_name text, p_constraint text) returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception '% already exists', p_name using errcode = '23505', constraint = p_constraint, schema = 'authn';
end
$$;
comment on function authn._raise_duplicate(text, text) is
    'Reports a duplicate without PostgreSQL''s DETAIL, which would print the hash or the address into the log.';

create or replace function authn._refuse_proven_email(p_email text, p_user_id uuid, p_namespace text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (
        select
          from authn.identities i
         where i.namespace = p_namespace
           and i.kind = 'email'
           and i.value = p_email
           and i.verified_at is not null
           and i.user_id is distinct from p_user_id
    ) then
        perform authn._raise_duplicate('email', 'identities_verified_key');
    end if;
end
$$;
comment on function authn._refuse_proven_email(text, uuid, text) is
    'Raises 23505 when somebody else has proven the address: as a primary address, too, it is theirs.';

create or replace function authn._mirror_email(p_user_id uuid, p_namespace text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into authn.identities as i (namespace, user_id, kind, value, verified_at)
    select u.namespace, u.id, 'email', u.email, u.email_verified_at
      from authn.users u
     where u.namespace = p_namespace and u.id = p_user_id and u.email is not null
    on conflict (namespace, user_id, kind, value) do update
       set verified_at = excluded.verified_at
     where i.verified_at is distinct from excluded.verified_at;
exception when unique_violation then
    perform authn._raise_duplicate('email', 'identities_verified_key');
end
$$;
comment on function authn._mirror_email(uuid, text) is
    'Brings the identities of a user in step with their primary address, also where that was written past the functions. '
    'Raises 23505 when the address counts as proven and somebody else has proven it before.';

create or replace function authn.create_user(
    p_email text, p_password_hash text default null, p_namespace text default 'default'
) returns uuid
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_email text := authn._check_email(p_email);
    v_user_id uuid;
begin
    if p_password_hash is not null then
        perform authn._check_hash(p_password_hash, 'password_hash');
    end if;
    perform authn._refuse_proven_email(v_email, null, p_namespace);
    insert into authn.users (namespace, email, password_hash)
    values (p_namespace, v_email, p_password_hash)
    on conflict do nothing
    returning id into v_user_id;
    if v_user_id is null then
        perform authn._raise_duplicate('email', 'users_email_key');
    end if;
    perform authn._mirror_email(v_user_id, p_namespace);
    perform authn._audit(
        'user_created', 'user', v_user_id::text, null, jsonb_build_object('email', v_email), p_namespace
    );
    perform authn._leave(v_outer);
    return v_user_id;
end
$$;
comment on function authn.create_user(text, text, text) is
    'Makes a user and returns the id. The address is taken trimmed and lower-cased and counts as unproven. A duplicate '
    'address in the namespace is a unique violation. Without a hash the person logs in by other methods.';

create or replace function authn.get_user(p_user_id uuid, p_namespace text default 'default')
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
begin
    perform authn._require(p_user_id is not null, 'user_id');
    return query
    select u.id, u.email, u.email_verified_at, u.disabled_at, u.created_at, u.updated_at, u.id
      from authn.users u
     where u.namespace = p_namespace and u.id = p_user_id;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.get_user(uuid, text) is 'Returns one user, disabled ones too, or no row. Never the password hash.';

create or replace function authn.get_user_by_email(p_email text, p_namespace text default 'default')
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
    v_email text := authn._check_email(p_email);
begin
    return query
    select u.id, u.email, u.email_verified_at, u.disabled_at, u.created_at, u.updated_at, u.id
      from authn.users u
     where u.namespace = p_namespace and u.email = v_email;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.get_user_by_email(text, text) is
    'Returns the user whose primary address this is, in any letter case, or no row. Never the password hash.';

create or replace function authn.list_users(
    p_namespace text default 'default', p_limit integer default 100, p_cursor uuid default null
)
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
    v_limit integer := authn._check_limit(p_limit, 100, 1000);
begin
    -- Two statements: "cursor is null or id > cursor" in one would hide the starting point from the index.
    if p_cursor is null then
        return query
        select u.id, u.email, u.email_verified_at, u.disabled_at, u.created_at, u.updated_at, u.id
          from authn.users u
         where u.namespace = p_namespace
         order by u.id
         limit v_limit;
    else
        return query
        select u.id, u.email, u.email_verified_at, u.disabled_at, u.created_at, u.updated_at, u.id
          from authn.users u
         where u.namespace = p_namespace and u.id > p_cursor
         order by u.id
         limit v_limit;
    end if;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.list_users(text, integer, uuid) is
    'Returns users by id, disabled ones too, at most 1000 at a time. The next page starts after p_cursor, the user_id of '
    'the last row, which may be gone since.';

create or replace function authn.update_email(p_user_id uuid, p_new_email text, p_namespace text default 'default')
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_email text := authn._check_email(p_new_email);
    v_old_email text;
    v_found boolean;
begin
    perform authn._require(p_user_id is not null, 'user_id');
    select u.email into v_old_email
      from authn.users u
     where u.namespace = p_namespace and u.id = p_user_id
       for no key update;
    v_found := found;
    if v_found then
        perform authn._refuse_proven_email(v_email, p_user_id, p_namespace);
        begin
            update authn.users u
               set email = v_email, email_verified_at = null, updated_at = now()
             where u.namespace = p_namespace and u.id = p_user_id;
        exception when unique_violation then
            perform authn._raise_duplicate('email', 'users_email_key');
        end;
        delete from authn.identities i
         where i.namespace = p_namespace and i.user_id = p_user_id and i.kind = 'email' and i.value = v_old_email;
        perform authn._mirror_email(p_user_id, p_namespace);
        -- A link that was mailed to the old address must not verify the new one.
        update authn.tokens t
           set used_at = now()
         where t.namespace = p_namespace and t.user_id = p_user_id and t.used_at is null;
        perform authn._audit(
            'email_updated', 'user', p_user_id::text, jsonb_build_object('email', v_old_email),
            jsonb_build_object('email', v_email), p_namespace
        );
    end if;
    perform authn._leave(v_outer);
    return v_found;
end
$$;
comment on function authn.update_email(uuid, text, text) is
    'Gives a user another primary address, unproven, and uses up the open tokens. False where there is no such user.';

create or replace function authn.disable_user(p_user_id uuid, p_namespace text default 'default') returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_changed boolean;
    v_sessions integer;
begin
    perform authn._require(p_user_id is not null, 'user_id');
    update authn.users u
       set disabled_at = now(), updated_at = now()
     where u.namespace = p_namespace and u.id = p_user_id and u.disabled_at is null;
    v_changed := found;
    if v_changed then
        update authn.sessions s
           set revoked_at = now()
         where s.namespace = p_namespace and s.user_id = p_user_id and s.revoked_at is null and s.expires_at > now();
        get diagnostics v_sessions = row_count;
        update authn.api_keys k
           set revoked_at = now()
         where k.namespace = p_namespace and k.user_id = p_user_id and k.revoked_at is null;
        update authn.tokens t
           set used_at = now()
         where t.namespace = p_namespace and t.user_id = p_user_id and t.used_at is null;
        update authn.refresh_token_families f
           set ended_at = now(), ended_reason = 'user_disabled'
         where f.namespace = p_namespace and f.user_id = p_user_id and f.ended_at is null;
        perform authn._audit(
            'user_disabled', 'user', p_user_id::text, null, jsonb_build_object('sessions_revoked', v_sessions),
            p_namespace
        );
    end if;
    perform authn._leave(v_outer);
    return v_changed;
end
$$;
comment on function authn.disable_user(uuid, text) is
    'Shuts a user out: revokes sessions, API keys and refresh tokens and uses up tokens in the same transaction. False '
    'where already done.';

create or replace function authn.enable_user(p_user_id uuid, p_namespace text default 'default') returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_changed boolean;
begin
    perform authn._require(p_user_id is not null, 'user_id');
    update authn.users u
       set disabled_at = null, updated_at = now()
     where u.namespace = p_namespace and u.id = p_user_id and u.disabled_at is not null;
    v_changed := found;
    if v_changed then
        perform authn._audit('user_enabled', 'user', p_user_id::text, null, null, p_namespace);
    end if;
    perform authn._leave(v_outer);
    return v_changed;
end
$$;
comment on function authn.enable_user(uuid, text) is
    'Lets a disabled user log in again. What disabling revoked stays revoked. False where the user was not disabled.';

create or replace function authn.get_credentials(p_email text, p_namespace text default 'default')
returns table (user_id uuid, password_hash text, disabled_at timestamptz)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_email text := authn._check_email(p_email);
begin
    return query
    select u.id, u.password_hash, u.disabled_at
      from authn.users u
     where u.namespace = p_namespace and u.email = v_email;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.get_credentials(text, text) is
    'Returns what a password is checked against; the only function that returns a password hash. Disabled users too.';

create or replace function authn.update_password(
    p_user_id uuid, p_new_password_hash text, p_namespace text default 'default'
) returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_changed boolean;
begin
    perform authn._require(p_user_id is not null, 'user_id');
    perform authn._check_hash(p_new_password_hash, 'new_password_hash');
    update authn.users u
       set password_hash = p_new_password_hash, updated_at = now()
     where u.namespace = p_namespace and u.id = p_user_id;
    v_changed := found;
    if v_changed then
        -- What outlives sessions must not outlive the password that somebody else may have known.
        update authn.refresh_token_families f
           set ended_at = now(), ended_reason = 'password_updated'
         where f.namespace = p_namespace and f.user_id = p_user_id and f.ended_at is null
           and 'offline_access' = any (f.scopes);
        perform authn._audit('password_updated', 'user', p_user_id::text, null, null, p_namespace);
    end if;
    perform authn._leave(v_outer);
    return v_changed;
end
$$;
comment on function authn.update_password(uuid, text, text) is
    'Replaces the password hash and ends what apps hold for when the person is away (offline_access). False where there is '
    'no such user. Sessions, and what ends with them, are left to the caller.';

revoke all on function authn._lock_enabled_user(uuid, text), authn._raise_duplicate(text, text),
    authn._refuse_proven_email(text, uuid, text), authn._mirror_email(uuid, text),
    authn.create_user(text, text, text), authn.get_user(uuid, text), authn.get_user_by_email(text, text),
    authn.list_users(text, integer, uuid), authn.update_email(uuid, text, text), authn.disable_user(uuid, text),
    authn.enable_user(uuid, text), authn.get_credentials(text, text), authn.update_password(uuid, text, text) from public;
grant execute on function authn.create_user(text, text, text), authn.get_user(uuid, text),
    authn.get_user_by_email(text, text), authn.list_users(text, integer, uuid), authn.update_email(uuid, text, text),
    authn.disable_user(uuid, text), authn.enable_user(uuid, text), authn.get_credentials(text, text),
    authn.update_password(uuid, text, text) to portal_app;
