-- Identities: e-mail addresses and phone numbers, claimed, proven, looked up, removed.

create or replace function authn._check_identity(p_kind text, p_value text) returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_phone text;
begin
    perform authn._check_text(p_kind, 'kind', 1024);
    if p_kind = 'email' then
        return authn._check_email(p_value);
    elsif p_kind <> 'phone' then
        raise exception 'kind must be email or phone' using errcode = '22023';
    end if;
    perform authn._check_text(p_value, 'phone', 1024);
    v_phone := btrim(p_value);
    -- ITU-T E.164, 6.2.1: at most 15 digits. Local forms are for whoever knows the person's country to complete.
    if v_phone !~ '^\+[1-9][0-9]{6,14}$' then
        raise exception 'phone must be a number in E.164, such as +41791234567' using errcode = '22023';
    end if;
    return v_phone;
end
$$;
comment on function authn._check_identity(text, text) is
    'Returns an address as _check_email does, or a phone number; raises for what is neither.';

create or replace function authn.find_verified_identity(
    p_kind text, p_value text, p_namespace text default 'default'
)
returns table (
    identity_id uuid, kind text, value text, verified_at timestamptz, user_id uuid, email text,
    email_verified_at timestamptz, disabled_at timestamptz, name text, username text, id uuid
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_value text := authn._check_identity(p_kind, p_value);
    v_behind uuid;
begin
    if p_kind = 'email' then
        -- An import or an operator may have written to users alone.
        select u.id
          into v_behind
          from authn.users u
         where u.namespace = p_namespace
           and u.email = v_value
           and u.email_verified_at is not null
           and not exists (
                   select
                     from authn.identities i
                    where i.namespace = p_namespace
                      and i.user_id = u.id
                      and i.kind = 'email'
                      and i.value = v_value
                      and i.verified_at is not null
               );
        if found then
            perform authn._mirror_email(v_behind, p_namespace);
        end if;
    end if;
    return query
    select i.id, i.kind, i.value, i.verified_at, u.id, u.email, u.email_verified_at, u.disabled_at, u.name, u.username,
           i.id
      from authn.identities i
      join authn.users u on u.namespace = i.namespace and u.id = i.user_id
     where i.namespace = p_namespace
       and i.kind = p_kind
       and i.value = v_value
       and i.verified_at is not null
       -- What users says of the primary address counts, if the two should ever differ.
       and (i.kind <> 'email' or i.value is distinct from u.email or u.email_verified_at is not null);
    perform authn._leave(v_outer);
end
$$;
comment on function authn.find_verified_identity(text, text, text) is
    'Returns the one identity of this kind (email, phone) and value that was proven, with its user, disabled ones too; no '
    'row for a mere claim. Never the password hash.';

create or replace function authn.list_identities(p_user_id uuid, p_namespace text default 'default')
returns table (
    identity_id uuid, kind text, value text, verified_at timestamptz, is_primary boolean, created_at timestamptz, id uuid
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
begin
    perform authn._require(p_user_id is not null, 'user_id');
    perform authn._mirror_email(p_user_id, p_namespace);
    return query
    select i.id, i.kind, i.value, i.verified_at, i.kind = 'email' and i.value is not distinct from u.email, i.created_at,
           i.id
      from authn.identities i
      join authn.users u on u.namespace = i.namespace and u.id = i.user_id
     where i.namespace = p_namespace and i.user_id = p_user_id
     order by i.kind, i.created_at, i.id;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.list_identities(uuid, text) is
    'Returns the user''s addresses and numbers, proven and claimed, oldest first of each kind.';

create or replace function authn.add_identity(
    p_user_id uuid, p_kind text, p_value text, p_namespace text default 'default'
) returns uuid
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    c_identities_a_user constant integer := 20;
    v_outer text := authn._enter(p_namespace);
    v_value text := authn._check_identity(p_kind, p_value);
    v_identity_id uuid;
begin
    perform authn._lock_enabled_user(p_user_id, p_namespace);
    if (
        select count(*) from authn.identities i where i.namespace = p_namespace and i.user_id = p_user_id
    ) >= c_identities_a_user then
        raise exception 'a user may have at most % identities', c_identities_a_user using errcode = '54000';
    end if;
    insert into authn.identities (namespace, user_id, kind, value)
    values (p_namespace, p_user_id, p_kind, v_value)
    on conflict do nothing
    returning id into v_identity_id;
    if v_identity_id is null then
        perform authn._raise_duplicate('identity', 'identities_user_key');
    end if;
    perform authn._audit(
        'identity_added', 'identity', v_identity_id::text, null,
        jsonb_build_object('user_id', p_user_id, 'kind', p_kind, 'value', v_value), p_namespace
    );
    perform authn._leave(v_outer);
    return v_identity_id;
end
$$;
comment on function authn.add_identity(uuid, text, text, text) is
    'Notes that a user claims an address or a number and returns its id. Who else claims or owns it is not told. Their own a '
    'second time is a unique violation, more than 20 are 54000, a disabled user 55000.';

create or replace function authn.verify_identity(
    p_identity_id uuid, p_user_id uuid, p_namespace text default 'default'
) returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_kind text;
    v_value text;
    v_primary boolean;
begin
    perform authn._require(p_identity_id is not null, 'identity_id');
    perform authn._require(p_user_id is not null, 'user_id');
    -- The user first: the order in which every function locks.
    perform 1
       from authn.users u
      where u.namespace = p_namespace and u.id = p_user_id and u.disabled_at is null
        for no key update;
    if found then
        begin
            update authn.identities i
               set verified_at = now()
             where i.namespace = p_namespace
               and i.id = p_identity_id
               and i.user_id = p_user_id
               and i.verified_at is null
            returning i.kind, i.value into v_kind, v_value;
        exception when unique_violation then
            perform authn._raise_duplicate('identity', 'identities_verified_key');
        end;
    end if;
    if v_kind is not null then
        update authn.users u
           set email_verified_at = now(), updated_at = now()
         where u.namespace = p_namespace and u.id = p_user_id and v_kind = 'email' and u.email = v_value;
        v_primary := found;
        if v_primary then
            perform authn._mirror_email(p_user_id, p_namespace);
            perform authn._audit(
                'email_verified', 'user', p_user_id::text, null, jsonb_build_object('email', v_value), p_namespace
            );
        else
            perform authn._audit(
                'identity_verified', 'identity', p_identity_id::text, null,
                jsonb_build_object('user_id', p_user_id, 'kind', v_kind, 'value', v_value), p_namespace
            );
        end if;
    end if;
    perform authn._leave(v_outer);
    return v_kind is not null;
end
$$;
comment on function authn.verify_identity(uuid, uuid, text) is
    'Marks an identity as proven, after its user has shown a code or link sent to it. False when it is unknown, not theirs '
    'or proven before, or the user is disabled; a unique violation when somebody else has proven the same value.';

create or replace function authn.remove_identity(
    p_identity_id uuid, p_user_id uuid, p_namespace text default 'default'
) returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_kind text;
    v_value text;
begin
    perform authn._require(p_identity_id is not null, 'identity_id');
    perform authn._require(p_user_id is not null, 'user_id');
    perform 1
       from authn.users u
       join authn.identities i on i.namespace = u.namespace and i.user_id = u.id and i.kind = 'email' and i.value = u.email
      where u.namespace = p_namespace and u.id = p_user_id and i.id = p_identity_id;
    if found then
        raise exception 'the primary address can be changed, not removed' using errcode = '55000';
    end if;
    delete from authn.identities i
     where i.namespace = p_namespace and i.id = p_identity_id and i.user_id = p_user_id
    returning i.kind, i.value into v_kind, v_value;
    if v_kind is not null then
        perform authn._audit(
            'identity_removed', 'identity', p_identity_id::text,
            jsonb_build_object('user_id', p_user_id, 'kind', v_kind, 'value', v_value), null, p_namespace
        );
    end if;
    perform authn._leave(v_outer);
    return v_kind is not null;
end
$$;
comment on function authn.remove_identity(uuid, uuid, text) is
    'Takes an address or number from a user. False when it is unknown or not theirs; the primary address is refused (55000). '
    'Whether the last way in may go is the caller''s to decide.';

create or replace function authn.is_email_taken(p_email text, p_namespace text default 'default') returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_email text := authn._check_email(p_email);
    v_taken boolean;
begin
    v_taken := exists (
            select from authn.users u where u.namespace = p_namespace and u.email = v_email
        )
        or exists (
            select
              from authn.identities i
             where i.namespace = p_namespace and i.kind = 'email' and i.value = v_email and i.verified_at is not null
        );
    perform authn._leave(v_outer);
    return v_taken;
end
$$;
comment on function authn.is_email_taken(text, text) is
    'Whether create_user would be refused for this address. For services: a page must not let a stranger tell.';

revoke all on function authn._check_identity(text, text), authn.find_verified_identity(text, text, text),
    authn.list_identities(uuid, text), authn.add_identity(uuid, text, text, text),
    authn.verify_identity(uuid, uuid, text), authn.remove_identity(uuid, uuid, text), authn.is_email_taken(text, text)
    from public;
grant execute on function authn.find_verified_identity(text, text, text), authn.list_identities(uuid, text),
    authn.add_identity(uuid, text, text, text), authn.verify_identity(uuid, uuid, text),
    authn.remove_identity(uuid, uuid, text), authn.is_email_taken(text, text) to portal_app;
