-- Each tenant sees its own rows only.

alter table authn.refusals enable row level security;
alter table authn.refusals force row level security;
drop policy if exists tenant on authn.refusals;
create policy tenant on authn.refusals
    using (namespace = (select nullif(current_setting('authn.tenant_id', true), '')))
    with check (namespace = (select nullif(current_setting('authn.tenant_id', true), '')));

alter table authn.login_unlocks enable row level security;
alter table authn.login_unlocks force row level security;
drop policy if exists tenant on authn.login_unlocks;
create policy tenant on authn.login_unlocks
    using (namespace = (select nullif(current_setting('authn.tenant_id', true), '')))
    with check (namespace = (select nullif(current_setting('authn.tenant_id', true), '')));

alter table authn.spent_challenges enable row level security;
alter table authn.spent_challenges force row level security;
drop policy if exists tenant on authn.spent_challenges;
create policy tenant on authn.spent_challenges
    using (namespace = (select nullif(current_setting('authn.tenant_id', true), '')))
    with check (namespace = (select nullif(current_setting('authn.tenant_id', true), '')));

grant select on authn.refusals, authn.login_unlocks, authn.spent_challenges to portal_app;
