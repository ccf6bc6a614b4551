-- What was refused, for the audit log: counted by minute, kind and address prefix, so that the log itself is no target.

create or replace function authn._count_refusal(
    p_event_type text, p_kind text, p_times integer, p_ip_address inet, p_namespace text
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_prefix cidr := coalesce(authn._address_prefix(p_ip_address), cidr '0.0.0.0/32');
    v_times bigint;
begin
    insert into authn.refusals as r (namespace, minute, kind, prefix, times)
    values (p_namespace, date_trunc('minute', now()), p_kind, v_prefix, p_times)
    on conflict (namespace, minute, kind, prefix) do update set times = r.times + excluded.times
    returning r.times into v_times;
    -- The first, and each time the number gains a digit: a flood of a million is seven events.
    if v_times = p_times or length(v_times::text) > length((v_times - p_times)::text) then
        perform authn._audit(p_event_type, 'network', v_prefix::text, null,
                             jsonb_build_object('kind', p_kind, 'times', v_times), p_namespace);
    end if;
end
$$;
comment on function authn._count_refusal(text, text, integer, inet, text) is
    'Counts refusals of one kind from one address prefix in this minute and writes an audit event for the first, the tenth, '
    'the hundredth … of them.';

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

revoke all on function authn._count_refusal(text, text, integer, inet, text), authn._cleanup_limits(text, integer),
    authn.note_refusal(text, integer, jsonb, text) from public;
grant execute on function authn.note_refusal(text, integer, jsonb, text) to portal_app;
