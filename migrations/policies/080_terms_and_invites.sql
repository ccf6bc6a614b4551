-- Each tenant sees its own rows only.

alter table authn.terms_acceptances enable row level security;
alter table authn.terms_acceptances force row level security;
drop policy if exists tenant on authn.terms_acceptances;
create policy tenant on authn.terms_acceptances
    using (namespace = (select nullif(current_setting('authn.tenant_id', true), '')))
    with check (namespace = (select nullif(current_setting('authn.tenant_id', true), '')));

alter table authn.invites enable row level security;
alter table authn.invites force row level security;
drop policy if exists tenant on authn.invites;
create policy tenant on authn.invites
    using (namespace = (select nullif(current_setting('authn.tenant_id', true), '')))
    with check (namespace = (select nullif(current_setting('authn.tenant_id', true), '')));

grant select on authn.terms_acceptances, authn.invites to portal_app;
