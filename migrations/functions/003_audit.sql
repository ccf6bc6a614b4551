-- The audit log's writer, and who acts: six settings of the transaction that every audit row copies.

create or replace function authn.set_actor(
    p_actor_id text,
    p_request_id text default null,
    p_ip_address text default null,
    p_user_agent text default null,
    p_on_behalf_of text default null,
    p_reason text default null
) returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if nullif(p_ip_address, '') is not null then
        begin
            perform p_ip_address::inet;
        exception when data_exception then
            raise exception 'ip_address must be valid' using errcode = '22023';
        end;
    end if;
    perform set_config('authn.actor_id', coalesce(p_actor_id, ''), true),
            set_config('authn.request_id', coalesce(p_request_id, ''), true),
            set_config('authn.ip_address', coalesce(p_ip_address, ''), true),
            set_config('authn.user_agent', coalesce(p_user_agent, ''), true),
            set_config('authn.on_behalf_of', coalesce(p_on_behalf_of, ''), true),
            set_config('authn.reason', coalesce(p_reason, ''), true);
end
$$;
comment on function authn.set_actor(text, text, text, text, text, text) is
    'Says who acts, until the transaction ends: audit rows written meanwhile name them. The actor is free text.';

create or replace function authn.clear_actor() returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform authn.set_actor(null);
end
$$;
comment on function authn.clear_actor() is 'Takes back what set_actor said.';

create or replace function authn._apply_actor(p_actor jsonb) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_actor is null then
        return;
    end if;
    perform authn.set_actor(
        p_actor ->> 'actor_id', p_actor ->> 'request_id', p_actor ->> 'ip_address', p_actor ->> 'user_agent',
        p_actor ->> 'on_behalf_of', p_actor ->> 'reason'
    );
end
$$;
comment on function authn._apply_actor(jsonb) is
    'set_actor from one object: actor_id, request_id, ip_address, user_agent, on_behalf_of, reason. NULL changes nothing.';

create or replace function authn.act_in(p_namespace text, p_actor jsonb) returns text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform authn._apply_actor(p_actor);
    return p_namespace;
end
$$;
comment on function authn.act_in(text, jsonb) is
    'Says who acts and returns the namespace as given: written in place of a function''s namespace argument, it names the '
    'actor before that function runs, in the same statement and so in the same transaction and round trip.';

create or replace function authn._audit(
    p_event_type text, p_resource_type text, p_resource_id text, p_old jsonb, p_new jsonb, p_namespace text
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into authn.audit_events (
        event_type, namespace, resource_type, resource_id, old_values, new_values,
        actor_id, request_id, ip_address, user_agent, on_behalf_of, reason
    )
    values (
        p_event_type, p_namespace, p_resource_type, p_resource_id, p_old, p_new,
        nullif(current_setting('authn.actor_id', true), ''),
        nullif(current_setting('authn.request_id', true), ''),
        nullif(current_setting('authn.ip_address', true), '')::inet,
        -- Browsers send what they like here; the log keeps enough to recognise one.
        nullif(left(current_setting('authn.user_agent', true), 1024), ''),
        nullif(current_setting('authn.on_behalf_of', true), ''),
        nullif(current_setting('authn.reason', true), '')
    );
end
$$;
comment on function authn._audit(text, text, text, jsonb, jsonb, text) is
    'Writes one row of the audit log in the transaction of the change, with the actor of the transaction.';

create or replace function authn.get_audit_events(
    p_limit integer default 100,
    p_event_type text default null,
    p_resource_type text default null,
    p_resource_id text default null,
    p_namespace text default 'default'
)
returns table (
    id bigint, event_id uuid, event_type text, event_time timestamptz, actor_id text, request_id text, on_behalf_of text,
    reason text, namespace text, resource_type text, resource_id text, ip_address inet, user_agent text,
    old_values jsonb, new_values jsonb
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_limit integer := authn._check_limit(p_limit, 100, 1000);
begin
    return query
    select e.id, e.event_id, e.event_type, e.event_time, e.actor_id, e.request_id, e.on_behalf_of, e.reason, e.namespace,
           e.resource_type, e.resource_id, e.ip_address, e.user_agent, e.old_values, e.new_values
      from authn.audit_events e
     where e.namespace = p_namespace
       and (p_event_type is null or e.event_type = p_event_type)
       and (p_resource_type is null or e.resource_type = p_resource_type)
       and (p_resource_id is null or e.resource_id = p_resource_id)
     order by e.event_time desc, e.id desc
     limit v_limit;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.get_audit_events(integer, text, text, text, text) is
    'Returns the namespace''s audit rows that match, newest first, at most 1000; NULL matches all.';

revoke all on function authn.set_actor(text, text, text, text, text, text), authn.clear_actor(),
    authn._apply_actor(jsonb), authn.act_in(text, jsonb),
    authn._audit(text, text, text, jsonb, jsonb, text), authn.get_audit_events(integer, text, text, text, text) from public;
grant execute on function authn.set_actor(text, text, text, text, text, text), authn.clear_actor(),
    authn.act_in(text, jsonb), authn.get_audit_events(integer, text, text, text, text) to portal_app;
grant execute on function authn.set_actor(text, text, text, text, text, text), authn._apply_actor(jsonb),
    authn._audit(text, text, text, jsonb, jsonb, text) to portal_system;
