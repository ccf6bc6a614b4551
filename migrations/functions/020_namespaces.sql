-- Which tenant a host belongs to.

create or replace function authn.find_namespace(p_host text, p_default_host text)
returns table (namespace text, settings jsonb, suspended boolean)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_namespace text;
begin
    if p_host = p_default_host then
        v_namespace := 'default';
    else
        select h.namespace into v_namespace from authn.namespace_hosts h where h.host = p_host;
        if not found then
            return;
        end if;
    end if;
    return query
        select v_namespace, coalesce(n.settings, '{}'), n.suspended_at is not null
          from (select 1) one
          left join authn.namespaces n on n.namespace = v_namespace;
end
$$;
comment on function authn.find_namespace(text, text) is
    'The tenant of a host with its settings; no row for an unknown host. The host of PORTAL_URL is the default tenant''s. '
    'Crosses tenants on purpose: it answers before one is known.';
revoke all on function authn.find_namespace(text, text) from public;
grant execute on function authn.find_namespace(text, text) to portal_app;

-- Last, for the owner may no longer touch a function that it has handed over.
alter function authn.find_namespace(text, text) owner to portal_system;
