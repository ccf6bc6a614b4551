-- Tenants see their own row; only the host look-up, which runs before any tenant is known, sees all.

alter table authn.namespaces enable row level security;
alter table authn.namespaces force row level security;
alter table authn.namespace_hosts enable row level security;
alter table authn.namespace_hosts force row level security;

drop policy if exists tenant on authn.namespaces;
create policy tenant on authn.namespaces
    using (namespace = (select nullif(current_setting('authn.tenant_id', true), '')))
    with check (namespace = (select nullif(current_setting('authn.tenant_id', true), '')));
drop policy if exists tenant on authn.namespace_hosts;
create policy tenant on authn.namespace_hosts
    using (namespace = (select nullif(current_setting('authn.tenant_id', true), '')))
    with check (namespace = (select nullif(current_setting('authn.tenant_id', true), '')));

drop policy if exists host_lookup on authn.namespaces;
create policy host_lookup on authn.namespaces for select to portal_system using (true);
drop policy if exists host_lookup on authn.namespace_hosts;
create policy host_lookup on authn.namespace_hosts for select to portal_system using (true);

grant select on authn.namespaces, authn.namespace_hosts to portal_app, portal_system;
