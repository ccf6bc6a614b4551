-- Each tenant sees its own rows only.

alter table authn.login_flows enable row level security;
alter table authn.login_flows force row level security;
drop policy if exists tenant on authn.login_flows;
create policy tenant on authn.login_flows
    using (namespace = (select nullif(current_setting('authn.tenant_id', true), '')))
    with check (namespace = (select nullif(current_setting('authn.tenant_id', true), '')));

alter table authn.verifications enable row level security;
alter table authn.verifications force row level security;
drop policy if exists tenant on authn.verifications;
create policy tenant on authn.verifications
    using (namespace = (select nullif(current_setting('authn.tenant_id', true), '')))
    with check (namespace = (select nullif(current_setting('authn.tenant_id', true), '')));

alter table authn.known_browsers enable row level security;
alter table authn.known_browsers force row level security;
drop policy if exists tenant on authn.known_browsers;
create policy tenant on authn.known_browsers
    using (namespace = (select nullif(current_setting('authn.tenant_id', true), '')))
    with check (namespace = (select nullif(current_setting('authn.tenant_id', true), '')));

grant select on authn.login_flows, authn.verifications, authn.known_browsers to portal_app;
