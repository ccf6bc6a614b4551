-- Federated identities: linked to a user, found at login, listed, unlinked.

create or replace function authn.link_federated_identity(
    p_user_id uuid,
    p_provider text,
    p_issuer text,
    p_subject text,
    p_email text default null,
    p_namespace text default 'default'
) returns uuid
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_email text;
    v_id uuid;
begin
    perform authn._check_hash(p_provider, 'provider');
    perform authn._check_hash(p_issuer, 'issuer');
    perform authn._check_hash(p_subject, 'subject');
    if p_email is not null then
        v_email := authn._check_email(p_email);
    end if;
    perform authn._lock_enabled_user(p_user_id, p_namespace);
    insert into authn.federated_identities (namespace, user_id, provider, issuer, subject, email)
    values (p_namespace, p_user_id, p_provider, p_issuer, p_subject, v_email)
    on conflict do nothing
    returning id into v_id;
    if v_id is null then
        perform authn._raise_duplicate('federated identity', 'federated_identities_key');
    end if;
    perform authn._audit(
        'identity_linked', 'federated_identity', v_id::text, null,
        jsonb_build_object('user_id', p_user_id, 'provider', p_provider), p_namespace
    );
    perform authn._leave(v_outer);
    return v_id;
end
$$;
comment on function authn.link_federated_identity(uuid, text, text, text, text, text) is
    'Lets a user log in with an account at another provider, and returns the link''s id. An account that is linked to '
    'anybody already is a unique violation. That the person holds both accounts is for the caller to have proven.';

create or replace function authn.use_federated_identity(
    p_issuer text, p_subject text, p_email text default null, p_namespace text default 'default'
)
returns table (
    federated_identity_id uuid, provider text, user_id uuid, email text, email_verified_at timestamptz,
    disabled_at timestamptz, name text, username text, id uuid
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_email text;
begin
    perform authn._check_hash(p_issuer, 'issuer');
    perform authn._check_hash(p_subject, 'subject');
    if p_email is not null then
        v_email := authn._check_email(p_email);
    end if;
    return query
    update authn.federated_identities f
       set last_used_at = now(), email = coalesce(v_email, f.email)
      from authn.users u
     where f.namespace = p_namespace
       and f.issuer = p_issuer
       and f.subject = p_subject
       and u.namespace = f.namespace
       and u.id = f.user_id
    returning f.id, f.provider, u.id, u.email, u.email_verified_at, u.disabled_at, u.name, u.username, f.id;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.use_federated_identity(text, text, text, text) is
    'For a login with another provider''s account: returns the user it is linked to, disabled ones too, or no row, and notes '
    'the use. p_email is what the provider tells now, for display; it never decides whose the account is.';

create or replace function authn.list_federated_identities(p_user_id uuid, p_namespace text default 'default')
returns table (
    federated_identity_id uuid, provider text, issuer text, subject text, email text, created_at timestamptz,
    last_used_at timestamptz, id uuid
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
    select f.id, f.provider, f.issuer, f.subject, f.email, f.created_at, f.last_used_at, f.id
      from authn.federated_identities f
     where f.namespace = p_namespace and f.user_id = p_user_id
     order by f.created_at, f.id;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.list_federated_identities(uuid, text) is
    'Returns the accounts at other providers that the user logs in with, oldest link first.';

create or replace function authn.unlink_federated_identity(
    p_federated_identity_id uuid, p_user_id uuid, p_namespace text default 'default'
) returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_provider text;
begin
    perform authn._require(p_federated_identity_id is not null, 'federated_identity_id');
    perform authn._require(p_user_id is not null, 'user_id');
    delete from authn.federated_identities f
     where f.namespace = p_namespace and f.id = p_federated_identity_id and f.user_id = p_user_id
    returning f.provider into v_provider;
    if v_provider is not null then
        perform authn._audit(
            'identity_unlinked', 'federated_identity', p_federated_identity_id::text,
            jsonb_build_object('user_id', p_user_id, 'provider', v_provider), null, p_namespace
        );
    end if;
    perform authn._leave(v_outer);
    return v_provider is not null;
end
$$;
comment on function authn.unlink_federated_identity(uuid, uuid, text) is
    'Takes an account at another provider from a user. False when it is unknown or not theirs. Whether the last way in may '
    'go is the caller''s to decide.';

revoke all on function authn.link_federated_identity(uuid, text, text, text, text, text),
    authn.use_federated_identity(text, text, text, text), authn.list_federated_identities(uuid, text),
    authn.unlink_federated_identity(uuid, uuid, text) from public;
grant execute on function authn.link_federated_identity(uuid, text, text, text, text, text),
    authn.use_federated_identity(text, text, text, text), authn.list_federated_identities(uuid, text),
    authn.unlink_federated_identity(uuid, uuid, text) to portal_app;
