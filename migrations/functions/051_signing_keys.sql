-- Signing keys: the first one is made on first start, by whichever process comes first; each has a successor in time.

create or replace function authn.list_signing_keys(p_namespace text default 'default')
returns table (
    kid text, algorithm text, public_jwk jsonb, sealed_private_key text, created_at timestamptz, signs_from timestamptz,
    retired_at timestamptz, state text, age interval, retired_for interval
)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
begin
    return query
    select k.kid, k.algorithm, k.public_jwk, k.sealed_private_key, k.created_at, k.signs_from, k.retired_at,
           case
               when k.retired_at <= now() then 'retired'
               when k.signs_from > now() then 'next'
               else 'signing'
           end,
           now() - k.created_at, now() - k.retired_at
      from authn.signing_keys k
     where k.namespace = p_namespace
     order by k.signs_from desc, k.created_at desc, k.kid;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.list_signing_keys(text) is
    'Returns the keys of a namespace, newest first. state by this database''s clock: next is published and signs from '
    'signs_from on, signing signs, retired signed until retired_at.';

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
         where k.namespace = p_namespace and k.algorithm = p_algorithm and (k.retired_at is null or k.retired_at > now())
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

create or replace function authn.rotate_signing_key(
    p_kid text, p_algorithm text, p_public_jwk jsonb, p_sealed_private_key text, p_signs_after interval,
    p_older_than interval, p_actor jsonb, p_namespace text default 'default'
) returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_newest timestamptz;
    v_pending boolean;
    v_rotates boolean;
begin
    perform authn._apply_actor(p_actor);
    -- Of processes that find the same key old at the same moment one adds its own; the others see that it is there.
    perform pg_advisory_xact_lock(hashtextextended('authn.signing_keys ' || p_namespace, 0));
    select max(k.created_at), bool_or(k.signs_from > now()) into v_newest, v_pending
      from authn.signing_keys k
     where k.namespace = p_namespace and k.algorithm = p_algorithm;
    v_rotates := v_newest is not null and not v_pending
        and (p_older_than is null or v_newest < now() - p_older_than);
    if v_rotates then
        -- When the one begins and the other ends is decided once, here, for every process.
        update authn.signing_keys k
           set retired_at = now() + p_signs_after
         where k.namespace = p_namespace and k.algorithm = p_algorithm and k.retired_at is null;
        insert into authn.signing_keys (namespace, kid, algorithm, public_jwk, sealed_private_key, signs_from)
        values (p_namespace, p_kid, p_algorithm, p_public_jwk, p_sealed_private_key, now() + p_signs_after);
        perform authn._audit(
            'signing_key_rotated', 'signing_key', p_kid, null,
            jsonb_build_object('algorithm', p_algorithm, 'signs_from', now() + p_signs_after), p_namespace
        );
    end if;
    perform authn._leave(v_outer);
    return v_rotates;
end
$$;
comment on function authn.rotate_signing_key(text, text, jsonb, text, interval, interval, jsonb, text) is
    'Publishes a key that signs in place of the present one of its algorithm after p_signs_after. False, and nothing '
    'done, where there is none to follow, where a next one waits already, or the newest is not yet p_older_than old.';

create or replace function authn.drop_retired_signing_keys(p_retired_for interval, p_namespace text default 'default')
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_dropped integer;
begin
    delete from authn.signing_keys k where k.namespace = p_namespace and k.retired_at < now() - p_retired_for;
    get diagnostics v_dropped = row_count;
    perform authn._leave(v_outer);
    return v_dropped;
end
$$;
comment on function authn.drop_retired_signing_keys(interval, text) is
    'Deletes keys that have not signed for so long; returns how many.';

revoke execute on function authn.list_signing_keys(text) from public;
revoke execute on function authn.rotate_signing_key(text, text, jsonb, text, interval, interval, jsonb, text) from public;
revoke execute on function authn.drop_retired_signing_keys(interval, text) from public;
revoke execute on function authn.add_first_signing_key(text, text, jsonb, text, text) from public;

grant execute on function authn.list_signing_keys(text) to portal_app;
grant execute on function authn.rotate_signing_key(text, text, jsonb, text, interval, interval, jsonb, text) to portal_app;
grant execute on function authn.drop_retired_signing_keys(interval, text) to portal_app;
grant execute on function authn.add_first_signing_key(text, text, jsonb, text, text) to portal_app;
