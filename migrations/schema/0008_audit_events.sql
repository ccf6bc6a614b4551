-- The audit log: one row for each change, in partitions by month so that age is dropped, not deleted.

create table authn.audit_events (
    id bigint generated always as identity,
    event_id uuid not null default gen_random_uuid(),
    event_type text not null,
    event_time timestamptz not null default now(),
    actor_id text,
    request_id text,
    on_behalf_of text,
    reason text,
    namespace text not null default 'default',
    resource_type text,
    resource_id text,
    ip_address inet,
    user_agent text,
    old_values jsonb,
    new_values jsonb,
    -- The only index: each further one slows every change in the portal.
    primary key (namespace, event_time, id)
) partition by range (event_time);

-- Catches what no month takes (a clock that jumped, a worker that was away for months), so that a missing partition
-- never stops a login. create_audit_partition moves its rows out.
create table authn.audit_events_default partition of authn.audit_events default;

comment on table authn.audit_events is
    'What happened, who did it and from where. The application may read and add, through functions; nothing changes a row.';
comment on column authn.audit_events.actor_id is 'Who did it: a user id, or free text such as user:admin-bob.';
comment on column authn.audit_events.on_behalf_of is 'For whom, where an admin acts as somebody.';
comment on column authn.audit_events.event_id is 'The name of the event for other systems.';

alter table authn.audit_events enable row level security;
alter table authn.audit_events force row level security;
alter table authn.audit_events_default enable row level security;
alter table authn.audit_events_default force row level security;
grant select on authn.audit_events to portal_app;
