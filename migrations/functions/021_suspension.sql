-- A namespace that is switched off, and on again: nothing of it is served meanwhile, and nothing of it is lost.

create or replace function authn.suspend_namespace(p_suspended boolean, p_actor jsonb, p_namespace text default 'default')
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_changed boolean;
begin
    perform authn._apply_actor(p_actor);
    perform authn._check_context(p_namespace);
    perform authn._require(p_suspended is not null, 'suspended');
    if p_namespace = 'default' then
        -- It exists without a row; the first setting of its own makes one.
        insert into authn.namespaces (namespace) values ('default') on conflict do nothing;
    end if;
    update authn.namespaces n
       set suspended_at = case when p_suspended then now() end
     where n.namespace = p_namespace and (n.suspended_at is not null) <> p_suspended;
    v_changed := found;
    if not v_changed and not exists (select from authn.namespaces n where n.namespace = p_namespace) then
        raise exception 'there is no such namespace' using errcode = '23503';
    end if;
    if v_changed then
        perform authn._audit(case when p_suspended then 'namespace_suspended' else 'namespace_resumed' end, 'namespace',
                             p_namespace, null, null, p_namespace);
    end if;
    perform authn._leave(v_outer);
    return v_changed;
end
$$;
comment on function authn.suspend_namespace(boolean, jsonb, text) is
    'Switches a namespace off (p_suspended true) or on again; false when it was so already. While it is off its hosts lead '
    'nowhere, within a second: no page, no login, no token, no answer to an app. Nothing of it is deleted.';

revoke all on function authn.suspend_namespace(boolean, jsonb, text) from public;
grant execute on function authn.suspend_namespace(boolean, jsonb, text) to portal_app;
