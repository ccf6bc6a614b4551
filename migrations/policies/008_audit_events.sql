-- audit_events: as on every table; each partition carries the policy too, or naming one would walk round it.

drop policy if exists tenant on authn.audit_events;
create policy tenant on authn.audit_events
    using (namespace = (select nullif(current_setting('authn.tenant_id', true), '')))
    with check (namespace = (select nullif(current_setting('authn.tenant_id', true), '')));

select authn._protect_audit_partition(inhrelid::regclass)
  from pg_catalog.pg_inherits
 where inhparent = 'authn.audit_events'::regclass;

select authn.ensure_audit_partitions();
