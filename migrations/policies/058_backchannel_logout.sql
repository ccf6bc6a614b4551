-- Rows of the tenant that the transaction works for; only the worker's function, owned by portal_system, sees across.

drop policy if exists tenant on authn.backchannel_logouts;
create policy tenant on authn.backchannel_logouts
    using (namespace = (select nullif(current_setting('authn.tenant_id', true), '')))
    with check (namespace = (select nullif(current_setting('authn.tenant_id', true), '')));

drop policy if exists worker on authn.backchannel_logouts;
create policy worker on authn.backchannel_logouts to portal_system using (true) with check (true);

grant select, update on authn.backchannel_logouts to portal_system;
