-- Rows of the tenant that the transaction works for, and without one no rows at all.

drop policy if exists tenant on authn.refresh_token_families;
create policy tenant on authn.refresh_token_families
    using (namespace = (select nullif(current_setting('authn.tenant_id', true), '')))
    with check (namespace = (select nullif(current_setting('authn.tenant_id', true), '')));

drop policy if exists tenant on authn.refresh_tokens;
create policy tenant on authn.refresh_tokens
    using (namespace = (select nullif(current_setting('authn.tenant_id', true), '')))
    with check (namespace = (select nullif(current_setting('authn.tenant_id', true), '')));
