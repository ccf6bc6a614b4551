-- Back-channel log-out: a login that ends, however it ends, leaves a row for each app to tell, in the same transaction.

create or replace function authn._tell_apps(p_user_id uuid, p_session_id uuid, p_client_id text, p_namespace text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into authn.backchannel_logouts (namespace, client_id, user_id, session_id)
    select c.namespace, c.client_id, p_user_id, p_session_id
      from authn.clients c
     where c.namespace = p_namespace
       and c.backchannel_logout_uri is not null
       and (p_client_id is null or c.client_id = p_client_id)
       -- Also for a code that was not redeemed yet: it may be on its way, in a transaction that is not seen from here.
       and exists (
           select from authn.authorization_codes a
            where a.namespace = p_namespace and a.session_id = p_session_id and a.client_id = c.client_id
       );
    if found then
        perform pg_notify('portal_logouts', '');
    end if;
end
$$;
comment on function authn._tell_apps(uuid, uuid, text, text) is
    'Leaves a row for each app that took part in a login and wants to be told of its end; p_client_id: only that app.';

create or replace function authn._on_session_revoked() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform authn._tell_apps(new.user_id, new.id, null, new.namespace);
    return null;
end
$$;
comment on function authn._on_session_revoked() is
    'A trigger and not a call, so that no place that ends sessions, and none that comes later, can forget the apps.';

create or replace function authn._on_user_deleted() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Before: the sessions and codes that say whom to tell go with the person.
    perform authn._tell_apps(s.user_id, s.id, null, s.namespace)
       from authn.sessions s
      where s.namespace = old.namespace and s.user_id = old.id and s.revoked_at is null and s.expires_at > now();
    return old;
end
$$;
comment on function authn._on_user_deleted() is 'Tells the apps of a person who is about to be deleted.';

create or replace function authn._on_refresh_reused() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform authn._tell_apps(new.user_id, new.session_id, new.client_id, new.namespace);
    return null;
end
$$;
comment on function authn._on_refresh_reused() is
    'Tells the one app whose refresh token came twice: whoever it let in with the stolen one is to be let out.';

create or replace trigger tell_apps after update of revoked_at on authn.sessions for each row
    -- One that had expired has ended without a call: apps know from the ID token how long to trust it.
    when (old.revoked_at is null and new.revoked_at is not null and old.expires_at > now())
    execute function authn._on_session_revoked();
create or replace trigger tell_apps before delete on authn.users for each row execute function authn._on_user_deleted();
create or replace trigger tell_apps after update of ended_at on authn.refresh_token_families for each row
    when (old.ended_at is null and new.ended_reason = 'reused')
    execute function authn._on_refresh_reused();

create or replace function authn.take_backchannel_logouts(p_limit integer, p_lease interval)
returns table (id bigint, namespace text, host text, client_id text, user_id uuid, session_id uuid, attempts integer)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    -- Materialised: run twice by a nested loop, LIMIT would hand out more than was asked for.
    with due as materialized (
        select pending.id
          from authn.backchannel_logouts pending
         where pending.delivered_at is null
           and pending.failed_at is null
           and pending.available_at <= now()
           and (pending.locked_until is null or pending.locked_until <= now())
         order by pending.available_at, pending.id
         limit least(greatest(coalesce(p_limit, 10), 1), 100)
           for update skip locked
    )
    update authn.backchannel_logouts l
       set locked_until = now() + p_lease, attempts = l.attempts + 1
      from due
     where l.id = due.id
    returning l.id, l.namespace,
              (select h.host from authn.namespace_hosts h
                where h.namespace = l.namespace and l.namespace <> 'default'
                order by h.created_at, h.host limit 1),
              l.client_id, l.user_id, l.session_id, l.attempts;
end
$$;
comment on function authn.take_backchannel_logouts(integer, interval) is
    'Hands due log-outs of every namespace to one worker, for the lease; SKIP LOCKED keeps workers apart. host is the '
    'first one of the namespace, whose origin is the issuer; NULL for the default namespace.';

create or replace function authn.finish_backchannel_logout(
    p_id bigint, p_attempt integer, p_status integer, p_error text, p_final boolean, p_namespace text default 'default'
) returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_logout authn.backchannel_logouts;
begin
    update authn.backchannel_logouts l
       set locked_until = null,
           last_status = p_status,
           last_error = left(p_error, 500),
           delivered_at = case when p_error is null then now() end,
           available_at = now() + least(interval '5 seconds' * power(2, least(l.attempts, 20) - 1), interval '1 hour'),
           failed_at = case
               when p_error is not null
                    and (p_final or (l.created_at < now() - interval '1 day' and l.attempts >= 10)) then now()
           end
     -- The attempt number fences a worker that was slower than its lease: another one has it now.
     where l.namespace = p_namespace and l.id = p_id and l.attempts = p_attempt
       and l.delivered_at is null and l.failed_at is null
    returning l.* into v_logout;
    if v_logout.delivered_at is not null or v_logout.failed_at is not null then
        perform authn._audit(
            case when v_logout.failed_at is null then 'app_told_of_logout' else 'app_not_told_of_logout' end,
            'client', v_logout.client_id, null,
            jsonb_strip_nulls(jsonb_build_object(
                'user_id', v_logout.user_id, 'session_id', v_logout.session_id, 'status', p_status, 'reason', p_error
            )), p_namespace
        );
    end if;
    perform authn._leave(v_outer);
    return v_logout.id is not null;
end
$$;
comment on function authn.finish_backchannel_logout(bigint, integer, integer, text, boolean, text) is
    'Reports on a taken log-out. No error: delivered. An error: tried again after 5 s, 10 s, 20 s … at most 1 h, for a '
    'day or more; p_final gives up at once. False where another worker has it by now.';

create or replace function authn.list_backchannel_logouts(
    p_client_id text, p_limit integer default 50, p_namespace text default 'default'
) returns setof authn.backchannel_logouts
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
begin
    return query
    select l.*
      from authn.backchannel_logouts l
     where l.namespace = p_namespace and l.client_id = p_client_id
     order by l.id desc
     limit least(greatest(coalesce(p_limit, 50), 0), 1000);
    perform authn._leave(v_outer);
end
$$;
comment on function authn.list_backchannel_logouts(text, integer, text) is
    'What an app was told of ended logins and what it answered, newest first.';

create or replace function authn._cleanup_backchannel_logouts(p_namespace text, p_batch_size integer) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    -- As long as somebody may ask why an app still knew a person who had logged out.
    c_keep constant interval := interval '30 days';
    v_deleted bigint;
begin
    delete from authn.backchannel_logouts l
     where l.id = any (array(
               select d.id from authn.backchannel_logouts d
                where d.namespace = p_namespace and d.created_at < now() - c_keep
                order by d.created_at limit p_batch_size for update skip locked));
    get diagnostics v_deleted = row_count;
    return v_deleted;
end
$$;
comment on function authn._cleanup_backchannel_logouts(text, integer) is
    'Deletes what apps were told a month ago; returns how many rows went.';

revoke execute on function authn._tell_apps(uuid, uuid, text, text), authn._on_session_revoked(),
    authn._on_user_deleted(), authn._on_refresh_reused(), authn.take_backchannel_logouts(integer, interval),
    authn.finish_backchannel_logout(bigint, integer, integer, text, boolean, text),
    authn.list_backchannel_logouts(text, integer, text), authn._cleanup_backchannel_logouts(text, integer) from public;
grant execute on function authn.take_backchannel_logouts(integer, interval),
    authn.finish_backchannel_logout(bigint, integer, integer, text, boolean, text),
    authn.list_backchannel_logouts(text, integer, text) to portal_app;

-- Last, for the owner may no longer touch a function that it has handed over.
alter function authn.take_backchannel_logouts(integer, interval) owner to portal_system;
