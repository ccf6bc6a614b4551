-- The outbox belongs to namespaces like every table; only the worker's functions, owned by portal_system, see across.

alter table authn.outbox enable row level security;
alter table authn.outbox force row level security;

drop policy if exists tenant on authn.outbox;
create policy tenant on authn.outbox
    using (namespace = (select nullif(current_setting('authn.tenant_id', true), '')))
    with check (namespace = (select nullif(current_setting('authn.tenant_id', true), '')));

drop policy if exists worker on authn.outbox;
create policy worker on authn.outbox to portal_system using (true) with check (true);

grant select on authn.outbox to portal_app;
grant select, update, delete on authn.outbox to portal_system;
