-- Sealed values: what the portal keeps so that only PORTAL_SECRET_KEY opens it, found and exchanged when that key changes.

create or replace function authn._find_sealed_of_tenant(p_key_id text, p_batch_size integer, p_namespace text)
returns table (place text, namespace text, row_id text, sealed text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_newest text := 'v1.' || p_key_id || '.';
begin
    return query
    select v.place, p_namespace, v.row_id, v.sealed
      from (
          select 'signing_keys' as place, k.kid as row_id, k.sealed_private_key as sealed
            from authn.signing_keys k
           where k.namespace = p_namespace
          union all
          select 'mfa_secrets', m.id::text, m.secret from authn.mfa_secrets m where m.namespace = p_namespace
          union all
          select 'second_step_recoveries', r.id::text, m.sealed
            from authn.second_step_recoveries r, unnest(r.reminders) m (sealed)
           where r.namespace = p_namespace
          union all
          -- Blank once sent.
          select 'outbox', o.id::text, o.payload from authn.outbox o where o.namespace = p_namespace and o.payload <> ''
      ) v
     -- Other programs keep authenticators here, too, in forms of their own.
     where starts_with(v.sealed, 'v1.') and not starts_with(v.sealed, v_newest)
     order by v.place, v.row_id
     limit p_batch_size;
    perform authn._leave(v_outer);
end
$$;
comment on function authn._find_sealed_of_tenant(text, integer, text) is 'find_sealed for one tenant.';

create or replace function authn.find_sealed(p_key_id text, p_batch_size integer default 500)
returns table (place text, namespace text, row_id text, sealed text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_namespace text;
    v_found integer := 0;
    v_rows integer;
begin
    if p_key_id is null or p_key_id !~ '^[0-9a-f]{8}$' then
        raise exception 'key_id must be 8 hexadecimal digits' using errcode = '22023';
    end if;
    if p_batch_size is null or p_batch_size < 1 then
        raise exception 'batch_size must be at least 1' using errcode = '22023';
    end if;
    for v_namespace in select n from authn._known_namespaces() n order by 1 loop
        return query select * from authn._find_sealed_of_tenant(p_key_id, p_batch_size - v_found, v_namespace);
        get diagnostics v_rows = row_count;
        v_found := v_found + v_rows;
        exit when v_found >= p_batch_size;
    end loop;
end
$$;
comment on function authn.find_sealed(text, integer) is
    'Values that were sealed with another key than this one (the eight digits that stand in every sealed value), at most '
    'p_batch_size. Crosses tenants on purpose: the key is the whole portal''s. They open only with PORTAL_SECRET_KEY.';

create or replace function authn.replace_sealed(
    p_place text, p_row_id text, p_old text, p_new text, p_namespace text default 'default'
) returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_replaced boolean;
begin
    perform authn._check_text(p_new, 'new', 1048576);
    -- Only over the value that was read: what changed or was sent meanwhile is left as it is.
    case p_place
        when 'signing_keys' then
            update authn.signing_keys k set sealed_private_key = p_new
             where k.namespace = p_namespace and k.kid = p_row_id and k.sealed_private_key = p_old;
        when 'mfa_secrets' then
            update authn.mfa_secrets m set secret = p_new
             where m.namespace = p_namespace and m.id = p_row_id::uuid and m.secret = p_old;
        when 'second_step_recoveries' then
            update authn.second_step_recoveries r set reminders = array_replace(r.reminders, p_old, p_new)
             where r.namespace = p_namespace and r.id::text = p_row_id and p_old = any (r.reminders);
        when 'outbox' then
            update authn.outbox o set payload = p_new
             where o.namespace = p_namespace and o.id = p_row_id::bigint and o.payload = p_old;
        else raise exception 'place must be one that find_sealed names' using errcode = '22023';
    end case;
    v_replaced := found;
    perform authn._leave(v_outer);
    return v_replaced;
end
$$;
comment on function authn.replace_sealed(text, text, text, text, text) is
    'Exchanges a sealed value for the same one under another key; false when it is no longer what it was.';

revoke all on function authn._find_sealed_of_tenant(text, integer, text), authn.find_sealed(text, integer),
    authn.replace_sealed(text, text, text, text, text) from public;
grant execute on function authn._find_sealed_of_tenant(text, integer, text) to portal_system;
grant execute on function authn.find_sealed(text, integer), authn.replace_sealed(text, text, text, text, text)
    to portal_app;

-- Last, for the owner may no longer touch a function that it has handed over.
alter function authn.find_sealed(text, integer) owner to portal_system;
