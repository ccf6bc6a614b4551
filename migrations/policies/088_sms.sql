-- Each tenant sees its own rows only.

alter table authn.sms_sent enable row level security;
alter table authn.sms_sent force row level security;
drop policy if exists tenant on authn.sms_sent;
create policy tenant on authn.sms_sent
    using (namespace = (select nullif(current_setting('authn.tenant_id', true), '')))
    with check (namespace = (select nullif(current_setting('authn.tenant_id', true), '')));
grant select on authn.sms_sent to portal_app;
