-- Authenticators: enrolled, listed, used, removed.

create or replace function authn.add_mfa(
    p_user_id uuid, p_mfa_type text, p_secret text, p_name text default null, p_namespace text default 'default'
) returns uuid
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_mfa_id uuid;
begin
    perform authn._check_text(p_mfa_type, 'mfa_type', 1024);
    if p_mfa_type not in ('totp', 'webauthn', 'recovery_codes') then
        raise exception 'mfa_type must be totp, webauthn or recovery_codes' using errcode = '22023';
    end if;
    perform authn._check_text(p_secret, 'secret', 65536);
    perform authn._check_label(p_name, 'name');
    perform authn._lock_enabled_user(p_user_id, p_namespace);
    insert into authn.mfa_secrets (namespace, user_id, mfa_type, secret, name, second_step)
    values (p_namespace, p_user_id, p_mfa_type, p_secret, p_name, p_mfa_type = 'totp')
    returning id into v_mfa_id;
    perform authn._audit(
        'mfa_added', 'mfa', v_mfa_id::text, null, jsonb_build_object('user_id', p_user_id, 'mfa_type', p_mfa_type),
        p_namespace
    );
    perform authn._leave(v_outer);
    return v_mfa_id;
end
$$;
comment on function authn.add_mfa(uuid, text, text, text, text) is
    'Enrols an authenticator (totp, webauthn, recovery_codes) and returns its id; a user may have several of a type. The '
    'secret is stored as given: what must be sealed is sealed by the caller. Refused for a disabled user.';

create or replace function authn.get_mfa(p_user_id uuid, p_mfa_type text, p_namespace text default 'default')
returns table (id uuid, secret text, name text, mfa_id uuid)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
begin
    perform authn._require(p_user_id is not null, 'user_id');
    perform authn._check_text(p_mfa_type, 'mfa_type', 1024);
    return query
    select m.id, m.secret, m.name, m.id
      from authn.mfa_secrets m
     where m.namespace = p_namespace and m.user_id = p_user_id and m.mfa_type = p_mfa_type
     order by m.created_at, m.id;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.get_mfa(uuid, text, text) is
    'Returns the user''s authenticators of a type with their secrets, oldest first: for verification only.';

create or replace function authn.list_mfa(p_user_id uuid, p_namespace text default 'default')
returns table (
    id uuid, mfa_type text, name text, created_at timestamptz, last_used_at timestamptz, mfa_id uuid
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
    select m.id, m.mfa_type, m.name, m.created_at, m.last_used_at, m.id
      from authn.mfa_secrets m
     where m.namespace = p_namespace and m.user_id = p_user_id
     order by m.created_at, m.id;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.list_mfa(uuid, text) is 'Returns the user''s authenticators, oldest first, without secrets.';

create or replace function authn.has_mfa(p_user_id uuid, p_namespace text default 'default') returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_has boolean;
begin
    perform authn._require(p_user_id is not null, 'user_id');
    v_has := exists (
        select 1 from authn.mfa_secrets m where m.namespace = p_namespace and m.user_id = p_user_id
    );
    perform authn._leave(v_outer);
    return v_has;
end
$$;
comment on function authn.has_mfa(uuid, text) is 'Whether the user has any authenticator.';

create or replace function authn._demands_second_step(p_user_id uuid, p_namespace text) returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return exists (
        select 1
          from authn.mfa_secrets m
         where m.namespace = p_namespace and m.user_id = p_user_id and m.second_step
    );
end
$$;
comment on function authn._demands_second_step(uuid, text) is
    'Whether a login of this user is complete only with a second step, or with one factor that counts for two.';
revoke all on function authn._demands_second_step(uuid, text) from public;

create or replace function authn.can_step_up(p_user_id uuid, p_namespace text default 'default') returns boolean
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_methods jsonb := authn._policy(p_namespace) -> 'methods';
    v_can boolean;
begin
    v_can := exists (
        select 1
          from authn.mfa_secrets m
         where m.namespace = p_namespace and m.user_id = p_user_id
           and (m.mfa_type = 'totp' and coalesce(v_methods ? 'totp', true)
                or m.mfa_type = 'webauthn' and coalesce(v_methods ? 'passkey', true)
                or m.mfa_type = 'sms' and coalesce(v_methods ? 'sms_second_step', true)));
    perform authn._leave(v_outer);
    return v_can;
end
$$;
comment on function authn.can_step_up(uuid, text) is
    'Whether the user has an authenticator that can stand second to another factor, of a method that the namespace has on. '
    'Recovery codes are for those who lost theirs.';
revoke all on function authn.can_step_up(uuid, text) from public;
grant execute on function authn.can_step_up(uuid, text) to portal_app;

create or replace function authn.record_mfa_use(p_mfa_id uuid, p_namespace text default 'default') returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_user_id uuid;
    v_mfa_type text;
begin
    perform authn._require(p_mfa_id is not null, 'mfa_id');
    update authn.mfa_secrets m
       set last_used_at = now()
     where m.id = p_mfa_id and m.namespace = p_namespace
    returning m.user_id, m.mfa_type into v_user_id, v_mfa_type;
    if v_user_id is not null then
        perform authn._audit(
            'mfa_used', 'mfa', p_mfa_id::text, null, jsonb_build_object('user_id', v_user_id, 'mfa_type', v_mfa_type),
            p_namespace
        );
    end if;
    perform authn._leave(v_outer);
    return v_user_id is not null;
end
$$;
comment on function authn.record_mfa_use(uuid, text) is
    'Notes that an authenticator was used just now. False where there is no such authenticator.';

create or replace function authn.use_recovery_code(
    p_mfa_id uuid, p_code_number integer, p_namespace text default 'default'
) returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_user_id uuid;
    v_used integer;
begin
    perform authn._require(p_mfa_id is not null, 'mfa_id');
    perform authn._require(p_code_number is not null, 'code_number');
    if p_code_number not between 1 and 100 then
        raise exception 'code_number must be between 1 and 100' using errcode = '22023';
    end if;
    -- Check and use are one UPDATE, as in consume_token; a call that waited for the row sees the list it has now.
    update authn.mfa_secrets m
       set used_codes = m.used_codes || p_code_number, last_used_at = now()
     where m.id = p_mfa_id
       and m.namespace = p_namespace
       and m.mfa_type = 'recovery_codes'
       and p_code_number <> all (m.used_codes)
    returning m.user_id, cardinality(m.used_codes) into v_user_id, v_used;
    if found then
        perform authn._audit(
            'mfa_used', 'mfa', p_mfa_id::text, null,
            jsonb_build_object('user_id', v_user_id, 'mfa_type', 'recovery_codes', 'codes_used', v_used), p_namespace
        );
    end if;
    perform authn._leave(v_outer);
    return v_used;
end
$$;
comment on function authn.use_recovery_code(uuid, integer, text) is
    'Uses up one code of a set of recovery codes, by its number in the set (1 to 100), after the caller has verified it. '
    'Returns how many codes of the set are used now, or NULL when this one was used before or there is no such set. Of any '
    'number of calls at once for one code exactly one gets a number.';

create or replace function authn.remove_mfa(p_mfa_id uuid, p_namespace text default 'default') returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_user_id uuid;
    v_mfa_type text;
begin
    perform authn._require(p_mfa_id is not null, 'mfa_id');
    delete from authn.mfa_secrets m
     where m.id = p_mfa_id and m.namespace = p_namespace
    returning m.user_id, m.mfa_type into v_user_id, v_mfa_type;
    if v_user_id is not null then
        perform authn._audit(
            'mfa_removed', 'mfa', p_mfa_id::text, jsonb_build_object('user_id', v_user_id, 'mfa_type', v_mfa_type), null,
            p_namespace
        );
    end if;
    perform authn._leave(v_outer);
    return v_user_id is not null;
end
$$;
comment on function authn.remove_mfa(uuid, text) is
    'Removes an authenticator. False where there is none. Whether the last way in may go is the caller''s to decide.';

revoke all on function authn.add_mfa(uuid, text, text, text, text), authn.get_mfa(uuid, text, text),
    authn.list_mfa(uuid, text), authn.has_mfa(uuid, text), authn.record_mfa_use(uuid, text),
    authn.use_recovery_code(uuid, integer, text), authn.remove_mfa(uuid, text) from public;
grant execute on function authn.add_mfa(uuid, text, text, text, text), authn.get_mfa(uuid, text, text),
    authn.list_mfa(uuid, text), authn.has_mfa(uuid, text), authn.record_mfa_use(uuid, text),
    authn.use_recovery_code(uuid, integer, text), authn.remove_mfa(uuid, text) to portal_app;
