-- Rows of the tenant that the transaction works for, and without one no rows at all.

drop policy if exists tenant on authn.authorization_requests;
create policy tenant on authn.authorization_requests
    using (namespace = (select nullif(current_setting('authn.tenant_id', true), '')))
    with check (namespace = (select nullif(current_setting('authn.tenant_id', true), '')));

drop policy if exists tenant on authn.authorization_codes;
create policy tenant on authn.authorization_codes
    using (namespace = (select nullif(current_setting('authn.tenant_id', true), '')))
    with check (namespace = (select nullif(current_setting('authn.tenant_id', true), '')));
