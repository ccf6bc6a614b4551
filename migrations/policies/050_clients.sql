-- Rows of the tenant that the transaction works for, and without one no rows at all.

drop policy if exists tenant on authn.clients;
create policy tenant on authn.clients
    using (namespace = (select nullif(current_setting('authn.tenant_id', true), '')))
    with check (namespace = (select nullif(current_setting('authn.tenant_id', true), '')));

drop policy if exists tenant on authn.grants;
create policy tenant on authn.grants
    using (namespace = (select nullif(current_setting('authn.tenant_id', true), '')))
    with check (namespace = (select nullif(current_setting('authn.tenant_id', true), '')));
