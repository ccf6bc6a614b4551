-- The outbox: enqueue beside a fact, take with a lease, finish with a backoff.

create or replace function authn._enqueue(p_kind text, p_payload text, p_namespace text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_kind is null or p_payload is null then
        raise exception 'a message needs a kind and a payload' using errcode = '22004';
    end if;
    if p_kind !~ '^[a-z][a-z_]{0,31}$' or p_payload = '' then
        raise exception 'a message needs a kind and a payload' using errcode = '22023';
    end if;
    insert into authn.outbox (namespace, kind, payload) values (p_namespace, p_kind, p_payload);
    -- Delivered at commit, once per transaction however many rows. Workers behind a pooler poll instead.
    perform pg_notify('portal_outbox', '');
end
$$;
comment on function authn._enqueue(text, text, text) is
    'Puts one sealed message into the outbox, in the transaction of the function that calls it, and wakes the workers.';

create or replace function authn.take_outbox(p_limit integer, p_lease interval, p_kinds text[] default null)
returns table (id bigint, namespace text, kind text, payload text, attempts integer, created_at timestamptz)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    -- Materialised: run twice by a nested loop, LIMIT would hand out more than was asked for.
    with due as materialized (
        select pending.id
          from authn.outbox pending
         where pending.sent_at is null
           and pending.failed_at is null
           and pending.available_at <= now()
           and (p_kinds is null or pending.kind = any (p_kinds))
           and (pending.locked_until is null or pending.locked_until <= now())
         order by pending.available_at, pending.id
         limit least(greatest(coalesce(p_limit, 10), 1), 100)
           for update skip locked
    )
    update authn.outbox o
       set locked_until = now() + p_lease, attempts = o.attempts + 1
      from due
     where o.id = due.id
    returning o.id, o.namespace, o.kind, o.payload, o.attempts, o.created_at;
end
$$;
comment on function authn.take_outbox(integer, interval, text[]) is
    'Hands due messages of every namespace to one worker. Who takes them has them for the lease; SKIP LOCKED keeps '
    'workers apart, and a worker that dies gives them back when its lease ends. Each take counts as an attempt. p_kinds: '
    'those that the worker can send (NULL: all); the others wait.';

create or replace function authn.finish_outbox(
    p_id bigint, p_attempt integer, p_error text default null, p_final boolean default false, p_keep boolean default false
) returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_found boolean;
begin
    if p_error is null then
        update authn.outbox o
           set sent_at = now(), locked_until = null, last_error = null,
               payload = case when p_keep then o.payload else '' end
         where o.id = p_id and o.sent_at is null
        returning true into v_found;
        return coalesce(v_found, false);
    end if;
    -- The attempt number fences a worker that was slower than its lease: another one has the message now.
    update authn.outbox o
       set locked_until = null,
           last_error = left(p_error, 500),
           available_at = now() + least(interval '5 seconds' * power(2, least(o.attempts, 20) - 1), interval '1 hour'),
           failed_at = case
               -- A day of tries at least, and ten of them: after a long outage of our own the clock alone would give up.
               when p_final or (o.created_at < now() - interval '1 day' and o.attempts >= 10) then now()
           end
     where o.id = p_id and o.attempts = p_attempt and o.sent_at is null and o.failed_at is null
    returning true into v_found;
    update authn.outbox o
       set payload = ''
     where o.id = p_id and o.failed_at is not null and not p_keep;
    return coalesce(v_found, false);
end
$$;
comment on function authn.finish_outbox(bigint, integer, text, boolean, boolean) is
    'Reports on a taken message. No error: sent, the payload is blanked unless p_keep (development inbox). An error: '
    'tried again after 5 s, 10 s, 20 s … at most 1 h, for a day or more; p_final gives up at once.';

create or replace function authn.list_outbox(
    p_kind text, p_known bigint[], p_limit integer default 500, p_namespace text default 'default'
)
returns table (id bigint, payload text, created_at timestamptz, sent_at timestamptz)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
begin
    return query
    select o.id, case when known.id is null then o.payload end, o.created_at, o.sent_at
      from authn.outbox o
      left join unnest(p_known) known (id) on known.id = o.id
     where o.namespace = p_namespace
       and o.kind = p_kind
       and o.payload <> ''
     order by o.id desc
     limit least(greatest(coalesce(p_limit, 500), 0), 2000);
    perform authn._leave(v_outer);
end
$$;
comment on function authn.list_outbox(text, bigint[], integer, text) is
    'The messages of one tenant that can still be read, newest first, sealed as they are; for the development inbox. '
    'The payload of those that the caller says it knows is NULL.';

create or replace function authn.get_outbox_state()
returns table (waiting bigint, oldest_waiting_at timestamptz, failing bigint, failed bigint, last_error text)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select count(*) filter (where o.failed_at is null),
           min(o.created_at) filter (where o.failed_at is null),
           count(*) filter (where o.failed_at is null and o.last_error is not null),
           count(*) filter (where o.failed_at is not null),
           (array_agg(o.last_error order by o.id desc) filter (where o.last_error is not null))[1]
      from authn.outbox o
     where o.sent_at is null
$$;
comment on function authn.get_outbox_state() is
    'Counts over all namespaces for the doctor and the readiness check: waiting, failing and failed messages.';

create or replace function authn.cleanup_outbox(p_batch_size integer default 10000)
returns table (messages_deleted bigint, messages_expired bigint)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_deleted bigint;
    v_expired bigint;
begin
    delete from authn.outbox o
     using (
         select finished.id
           from authn.outbox finished
          where (finished.sent_at is not null or finished.failed_at is not null)
            and coalesce(finished.sent_at, finished.failed_at) < now() - interval '7 days'
          order by coalesce(finished.sent_at, finished.failed_at)
          limit p_batch_size
            for update skip locked
     ) old
     where o.id = old.id;
    get diagnostics v_deleted = row_count;
    -- Nothing a mail carries is good for longer; a server that is configured at last must not send last week's codes.
    update authn.outbox o
       set failed_at = now(), payload = '', last_error = coalesce(o.last_error, 'waited three days without a mail server')
     where o.sent_at is null and o.failed_at is null and o.created_at < now() - interval '3 days'
       and (o.locked_until is null or o.locked_until <= now());
    get diagnostics v_expired = row_count;
    return query select v_deleted, v_expired;
end
$$;
comment on function authn.cleanup_outbox(integer) is
    'Deletes messages that were sent or given up a week ago and gives up those that waited three days.';

revoke execute on function authn._enqueue(text, text, text) from public;
revoke execute on function authn.take_outbox(integer, interval, text[]) from public;
revoke execute on function authn.finish_outbox(bigint, integer, text, boolean, boolean) from public;
revoke execute on function authn.list_outbox(text, bigint[], integer, text) from public;
revoke execute on function authn.get_outbox_state() from public;
revoke execute on function authn.cleanup_outbox(integer) from public;

grant execute on function authn.take_outbox(integer, interval, text[]) to portal_app;
grant execute on function authn.finish_outbox(bigint, integer, text, boolean, boolean) to portal_app;
grant execute on function authn.list_outbox(text, bigint[], integer, text) to portal_app;
grant execute on function authn.get_outbox_state() to portal_app;
grant execute on function authn.cleanup_outbox(integer) to portal_app;

-- Last, for the owner may no longer touch a function that it has handed over.
alter function authn.take_outbox(integer, interval, text[]) owner to portal_system;
alter function authn.finish_outbox(bigint, integer, text, boolean, boolean) owner to portal_system;
alter function authn.get_outbox_state() owner to portal_system;
alter function authn.cleanup_outbox(integer) owner to portal_system;
