-- What the worker purges by itself, over all tenants.

create or replace function authn._clean_up_tenant(p_namespace text, p_batch_size integer) returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    -- As long as the login that waits on it: an expired request's page can start it again.
    c_keep_requests constant interval := interval '7 days';
    -- A code that comes twice revokes what it gave; the row stays as long as a grant may live.
    c_keep_codes constant interval := interval '180 days';
    c_keep_access_tokens constant interval := interval '1 day';
    v_outer text := authn._enter(p_namespace);
    v_deleted bigint;
    v_total bigint;
begin
    select e.sessions_deleted + e.tokens_deleted + e.attempts_deleted + e.api_keys_deleted into v_total
      from authn.cleanup_expired(p_namespace, p_batch_size) e;
    select v_total + l.flows_deleted + l.browsers_deleted into v_total
      from authn.cleanup_logins(p_namespace, p_batch_size) l;
    delete from authn.authorization_requests r
     where r.id = any (array(
               select d.id from authn.authorization_requests d
                where d.namespace = p_namespace and d.expires_at < now() - c_keep_requests
                order by d.expires_at limit p_batch_size for update skip locked));
    get diagnostics v_deleted = row_count;
    v_total := v_total + v_deleted;
    delete from authn.access_tokens t
     where t.id = any (array(
               select d.id from authn.access_tokens d
                where d.namespace = p_namespace and d.expires_at < now() - c_keep_access_tokens
                order by d.expires_at limit p_batch_size for update skip locked));
    get diagnostics v_deleted = row_count;
    v_total := v_total + v_deleted;
    delete from authn.authorization_codes c
     where c.id = any (array(
               select d.id from authn.authorization_codes d
                where d.namespace = p_namespace and d.expires_at < now() - c_keep_codes
                order by d.expires_at limit p_batch_size for update skip locked));
    get diagnostics v_deleted = row_count;
    v_total := v_total + v_deleted + authn._cleanup_refresh_tokens(p_namespace, p_batch_size)
        + authn._cleanup_invites(p_namespace, p_batch_size)
        + authn._cleanup_sms(p_namespace, p_batch_size)
        + authn._cleanup_limits(p_namespace, p_batch_size)
        + authn._cleanup_second_step_attempts(p_namespace, p_batch_size)
        + authn._cleanup_second_step_recoveries(p_namespace, p_batch_size)
        + authn._cleanup_backchannel_logouts(p_namespace, p_batch_size)
        + authn._cleanup_ceremonies(p_namespace, p_batch_size)
        + authn._cleanup_client_assertions(p_namespace, p_batch_size);
    perform authn._leave(v_outer);
    return v_total;
end
$$;
comment on function authn._clean_up_tenant(text, integer) is
    'cleanup_expired for one tenant, and what logins and the OpenID provider leave behind; returns how many rows went.';

create or replace function authn._known_namespaces() returns setof text
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    -- From one name to the next by index, whatever lies between: DISTINCT would read every row.
    with recursive
    of_users (namespace) as (
        select min(u.namespace) from authn.users u
        union all
        select (select min(u.namespace) from authn.users u where u.namespace > n.namespace)
          from of_users n
         where n.namespace is not null
    ),
    of_attempts (namespace) as (
        select min(a.namespace) from authn.login_attempts a
        union all
        select (select min(a.namespace) from authn.login_attempts a where a.namespace > n.namespace)
          from of_attempts n
         where n.namespace is not null
    )
    select 'default'
    union
    select n.namespace from authn.namespaces n
    union
    select n.namespace from of_users n where n.namespace is not null
    union
    select n.namespace from of_attempts n where n.namespace is not null
$$;
comment on function authn._known_namespaces() is
    'Every namespace that has people, attempts to log in, or settings: programs that use the SQL functions alone need not '
    'have registered theirs. Crosses tenants on purpose, for the purge.';

create or replace function authn.clean_up(p_batch_size integer default 1000) returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_namespace text;
    v_total bigint;
begin
    if p_batch_size is null or p_batch_size < 1 then
        raise exception 'batch_size must be at least 1' using errcode = '22023';
    end if;
    select o.messages_deleted + o.messages_expired into v_total from authn.cleanup_outbox(p_batch_size) o;
    for v_namespace in select n from authn._known_namespaces() n loop
        v_total := v_total + authn._clean_up_tenant(v_namespace, p_batch_size);
    end loop;
    return v_total;
end
$$;
comment on function authn.clean_up(integer) is
    'Purges what is over in every tenant, at most p_batch_size rows of a kind and tenant; returns how many rows went. '
    'Crosses tenants on purpose: the worker calls it, for nobody in particular. 0 when there is nothing left to do.';

revoke all on function authn._clean_up_tenant(text, integer) from public;
revoke all on function authn._known_namespaces() from public;
revoke all on function authn.clean_up(integer) from public;
grant execute on function authn._clean_up_tenant(text, integer) to portal_system;
grant execute on function authn.clean_up(integer) to portal_app;

-- Last, for the owner may no longer touch a function that it has handed over.
alter function authn._known_namespaces() owner to portal_system;
alter function authn.clean_up(integer) owner to portal_system;
