-- Signing keys: the first one is made on first start, by whichever process comes first.

create or replace function authn.list_signing_keys(p_namespace text default 'default')
returns table (kid text, algorithm text, public_jwk jsonb, sealed_private_key text, created_at timestamptz, retired_at timestamptz)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
begin
    return query
    select k.kid, k.algorithm, k.public_jwk, k.sealed_private_key, k.created_at, k.retired_at
      from authn.signing_keys k
     where k.namespace = p_namespace
     order by k.created_at desc, k.kid;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.list_signing_keys(text) is
    'Returns the keys of a namespace, newest first; the newest that is not retired signs.';

create or replace function authn.add_first_signing_key(
    p_kid text, p_algorithm text, p_public_jwk jsonb, p_sealed_private_key text, p_namespace text default 'default'
) returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_added boolean := false;
begin
    -- Processes that start together must agree on one key: whoever holds the lock second finds the first one's.
    perform pg_advisory_xact_lock(hashtextextended('authn.signing_keys ' || p_namespace, 0));
    if not exists (
        select from authn.signing_keys k
         where k.namespace = p_namespace and k.algorithm = p_algorithm and k.retired_at is null
    ) then
        insert into authn.signing_keys (namespace, kid, algorithm, public_jwk, sealed_private_key)
        values (p_namespace, p_kid, p_algorithm, p_public_jwk, p_sealed_private_key);
        perform authn._audit(
            'signing_key_created', 'signing_key', p_kid, null, jsonb_build_object('algorithm', p_algorithm), p_namespace
        );
        v_added := true;
    end if;
    perform authn._leave(v_outer);
    return v_added;
end
$$;
comment on function authn.add_first_signing_key(text, text, jsonb, text, text) is
    'Adds a key where the namespace has none of that algorithm that signs; true where it was added.';

revoke execute on function authn.list_signing_keys(text) from public;
revoke execute on function authn.add_first_signing_key(text, text, jsonb, text, text) from public;

grant execute on function authn.list_signing_keys(text) to portal_app;
grant execute on function authn.add_first_signing_key(text, text, jsonb, text, text) to portal_app;
