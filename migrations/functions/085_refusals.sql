-- What was refused, for the audit log: counted by minute, kind and address prefix, so that the log itself is no target.

create or replace function authn._refused_this_minute(
    p_kind text, p_times integer, p_prefix cidr, p_namespace text
) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_times bigint;
begin
    insert into authn.refusals as r (namespace, minute, kind, prefix, times)
    values (p_namespace, date_trunc('minute', now()), p_kind, p_prefix, p_times)
    on conflict (namespace, minute, kind, prefix) do update set times = r.times + excluded.times
    returning r.times into v_times;
    return v_times;
end
$$;
comment on function authn._refused_this_minute(text, integer, cidr, text) is
    'Counts refusals of one kind from one address prefix, and returns how many there were in this minute.';

create or replace function authn._count_of_minute(
    p_kind text, p_times integer, p_prefix cidr, p_namespace text
) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_times bigint := authn._refused_this_minute(p_kind, p_times, p_prefix, p_namespace);
begin
    -- The first, and each time the number gains a digit: a flood of a million is seven events.
    return case when v_times = p_times or length(v_times::text) > length((v_times - p_times)::text) then v_times end;
end
$$;
comment on function authn._count_of_minute(text, integer, cidr, text) is
    'Counts refusals of one kind from one address prefix in this minute. Returns how many there were where it is worth an '
    'event, for the first, the tenth, the hundredth … of them, else NULL.';

create or replace function authn._count_refusal(
    p_event_type text, p_kind text, p_times integer, p_ip_address inet, p_namespace text
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_prefix cidr := coalesce(authn._address_prefix(p_ip_address), cidr '0.0.0.0/32');
    v_times bigint := authn._count_of_minute(p_kind, p_times, v_prefix, p_namespace);
begin
    if v_times is not null then
        perform authn._audit(p_event_type, 'network', v_prefix::text, null,
                             jsonb_build_object('kind', p_kind, 'times', v_times), p_namespace);
    end if;
end
$$;
comment on function authn._count_refusal(text, text, integer, inet, text) is
    'Counts refusals of one kind from one address prefix in this minute and writes an audit event for the first, the tenth, '
    'the hundredth … of them.';

create or replace function authn._audit_counted(
    p_kind text, p_event_type text, p_resource_type text, p_resource_id text, p_new jsonb, p_namespace text
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_prefix cidr := authn._address_prefix(nullif(current_setting('authn.ip_address', true), '')::inet);
    v_times bigint := authn._refused_this_minute(p_kind, 1, coalesce(v_prefix, cidr '0.0.0.0/32'), p_namespace);
begin
    -- Each of a few, then each time the number gains a digit.
    if v_times <= 10 or v_times::text ~ '^10+$' then
        perform authn._audit(
            p_event_type, p_resource_type, p_resource_id, null,
            p_new || jsonb_strip_nulls(jsonb_build_object('times', nullif(v_times, 1))), p_namespace);
    end if;
end
$$;
comment on function authn._audit_counted(text, text, text, text, jsonb, text) is
    '_audit for what anybody can send, without a login and as fast as they like: an event for the first ten of a kind in a '
    'minute, from one address prefix, then for the hundredth, the thousandth ….';
revoke all on function authn._audit_counted(text, text, text, text, jsonb, text) from public;

create or replace function authn.record_client_refusal(
    p_event_type text, p_client_id text, p_reason text, p_user_id uuid, p_actor jsonb, p_namespace text default 'default'
) returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_times bigint := 1;
begin
    if p_event_type is null or p_event_type not in (
        'consent_denied', 'authorization_refused', 'client_authentication_failed'
    ) then
        raise exception 'not a refusal: %', p_event_type using errcode = '22023';
    end if;
    perform authn._apply_actor(p_actor);
    if p_event_type <> 'consent_denied' and p_user_id is null then
        -- Anybody can send these, without a login and as fast as they like. Counted for each app there is; names that
        -- somebody made up are one.
        v_times := authn._count_of_minute(
            concat_ws(' ', p_event_type, p_reason, (
                select c.client_id from authn.clients c where c.namespace = p_namespace and c.client_id = p_client_id)),
            1, coalesce(authn._address_prefix(nullif(p_actor ->> 'ip_address', '')::inet), cidr '0.0.0.0/32'), p_namespace);
    end if;
    if v_times is not null then
        perform authn._audit(
            p_event_type, 'client', left(p_client_id, 200), null,
            jsonb_strip_nulls(jsonb_build_object('reason', p_reason, 'user_id', p_user_id, 'times', nullif(v_times, 1))),
            p_namespace);
    end if;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.record_client_refusal(text, text, text, uuid, jsonb, text) is
    'Writes down that an app, or somebody who says to be it, was refused, and why. Where nobody is logged in the first, the '
    'tenth, the hundredth … of a minute, from one address prefix.';

create or replace function authn.note_refusal(
    p_kind text, p_times integer, p_actor jsonb, p_namespace text default 'default'
) returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
begin
    perform authn._apply_actor(p_actor);
    perform authn._check_context(p_namespace);
    if p_kind is null or p_kind !~ '^[a-z][a-z_]{0,39}$' then
        raise exception 'kind must be a short lower-case name' using errcode = '22023';
    end if;
    if p_times is null or p_times not between 1 and 1000000 then
        raise exception 'times must be between 1 and 1000000' using errcode = '22023';
    end if;
    perform authn._count_refusal(
        'request_refused', p_kind, p_times, nullif(p_actor ->> 'ip_address', '')::inet, p_namespace);
    perform authn._leave(v_outer);
end
$$;
comment on function authn.note_refusal(text, integer, jsonb, text) is
    'Counts requests that were refused, for the audit log: request_refused with the kind and how many there were from this '
    'address prefix in this minute, for the first, the tenth, the hundredth … of them. p_kind: cross_site, throttled, '
    'unknown_host, too_large …; p_times: how many the caller has seen since its last call.';

create or replace function authn._cleanup_limits(p_namespace text, p_batch_size integer) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_deleted bigint;
    v_total bigint;
begin
    delete from authn.refusals r
     where (r.minute, r.kind, r.prefix) in (
               select o.minute, o.kind, o.prefix from authn.refusals o
                where o.namespace = p_namespace and o.minute < now() - interval '30 days'
                order by o.minute limit p_batch_size for update skip locked)
       and r.namespace = p_namespace;
    get diagnostics v_total = row_count;
    delete from authn.login_unlocks u
     where (u.user_id, u.browser_digest) in (
               select o.user_id, o.browser_digest from authn.login_unlocks o
                where o.namespace = p_namespace and o.expires_at < now()
                order by o.expires_at limit p_batch_size for update skip locked)
       and u.namespace = p_namespace;
    get diagnostics v_deleted = row_count;
    v_total := v_total + v_deleted;
    delete from authn.spent_challenges c
     where c.digest = any (array(
               select o.digest from authn.spent_challenges o
                where o.namespace = p_namespace and o.expires_at < now()
                order by o.expires_at limit p_batch_size for update skip locked))
       and c.namespace = p_namespace;
    get diagnostics v_deleted = row_count;
    return v_total + v_deleted;
end
$$;
comment on function authn._cleanup_limits(text, integer) is
    'Deletes counts of refusals after a month, unlocked browsers and spent challenges when they have expired.';

revoke all on function authn._refused_this_minute(text, integer, cidr, text),
    authn._count_of_minute(text, integer, cidr, text),
    authn._count_refusal(text, text, integer, inet, text), authn._cleanup_limits(text, integer),
    authn.note_refusal(text, integer, jsonb, text),
    authn.record_client_refusal(text, text, text, uuid, jsonb, text) from public;
grant execute on function authn.note_refusal(text, integer, jsonb, text),
    authn.record_client_refusal(text, text, text, uuid, jsonb, text) to portal_app;
