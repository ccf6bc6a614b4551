-- Rows of the tenant that the transaction works for, and without one no rows at all.

drop policy if exists tenant on authn.client_assertions;
create policy tenant on authn.client_assertions
    using (namespace = (select nullif(current_setting('authn.tenant_id', true), '')))
    with check (namespace = (select nullif(current_setting('authn.tenant_id', true), '')));
