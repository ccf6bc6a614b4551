-- Login attempts and the plain lockout for outside callers. The portal's own pages use the finer budgets.

create or replace function authn._count_failures(
    p_email text, p_window interval, p_max_attempts integer, p_namespace text
) returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- The inner LIMIT: what matters is whether the limit is reached, and a victim of 200,000 tries costs no more.
    return (
        select count(*)
          from (
              select 1
                from authn.login_attempts a
               where a.namespace = p_namespace
                 and a.email = p_email
                 and not a.success
                 and a.attempted_at > now() - p_window
               order by a.attempted_at desc
               limit p_max_attempts
          ) failures
    );
end
$$;
comment on function authn._count_failures(text, interval, integer, text) is
    'Counts failed attempts for an address in the window, up to p_max_attempts.';

create or replace function authn._lockout_limit(p_max_attempts integer) returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_limit integer := coalesce(p_max_attempts, authn._setting_integer('max_login_attempts', 5));
begin
    if v_limit < 1 then
        raise exception 'max_attempts must be at least 1' using errcode = '22023';
    end if;
    return v_limit;
end
$$;
comment on function authn._lockout_limit(integer) is
    'How many failures lock an address: the argument, else the setting authn.max_login_attempts, else 5.';

create or replace function authn.record_login_attempt(
    p_email text, p_success boolean, p_ip_address inet default null, p_namespace text default 'default'
) returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_email text := authn._check_email(p_email);
    v_limit integer;
    v_failures integer;
begin
    perform authn._require(p_success is not null, 'success');
    if not p_success then
        -- Failures of one address stand in line, so that exactly one of them is the one that reaches the limit.
        perform pg_advisory_xact_lock(hashtextextended(p_namespace || E'\n' || v_email, 0));
    end if;
    insert into authn.login_attempts (namespace, email, success, ip_address)
    values (p_namespace, v_email, p_success, p_ip_address);
    if not p_success then
        v_limit := authn._lockout_limit(null);
        -- One more than the limit, to tell the failure that reaches it from those after it.
        v_failures := authn._count_failures(
            v_email, authn._setting_interval('lockout_window', interval '15 minutes'), v_limit + 1, p_namespace
        );
        perform authn._audit(
            case when v_failures = v_limit then 'lockout_triggered' else 'login_attempt_failed' end,
            'email', v_email, null, null, p_namespace
        );
    end if;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.record_login_attempt(text, boolean, inet, text) is
    'Notes a try to log in, for addresses that nobody has too.';

create or replace function authn.is_locked_out(
    p_email text,
    p_namespace text default 'default',
    p_window interval default null,
    p_max_attempts integer default null
) returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_email text := authn._check_email(p_email);
    v_window interval := coalesce(p_window, authn._setting_interval('lockout_window', interval '15 minutes'));
    v_limit integer := authn._lockout_limit(p_max_attempts);
    v_locked boolean;
begin
    v_locked := authn._count_failures(v_email, v_window, v_limit, p_namespace) >= v_limit;
    perform authn._leave(v_outer);
    return v_locked;
end
$$;
comment on function authn.is_locked_out(text, text, interval, integer) is
    'Whether the address has too many failures: 5 in 15 minutes unless arguments, or the settings authn.lockout_window and '
    'authn.max_login_attempts, say otherwise. A success in between does not reset them.';

create or replace function authn.get_recent_attempts(
    p_email text, p_namespace text default 'default', p_limit integer default 10
)
returns table (success boolean, ip_address inet, attempted_at timestamptz)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_email text := authn._check_email(p_email);
    v_limit integer := authn._check_limit(p_limit, 10, 100);
begin
    return query
    select a.success, a.ip_address, a.attempted_at
      from authn.login_attempts a
     where a.namespace = p_namespace and a.email = v_email
     order by a.attempted_at desc, a.id desc
     limit v_limit;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.get_recent_attempts(text, text, integer) is
    'Returns the last tries to log in with an address, newest first, at most 100.';

create or replace function authn.clear_attempts(p_email text, p_namespace text default 'default') returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_email text := authn._check_email(p_email);
    v_count bigint;
begin
    delete from authn.login_attempts a where a.namespace = p_namespace and a.email = v_email;
    get diagnostics v_count = row_count;
    perform authn._leave(v_outer);
    return v_count;
end
$$;
comment on function authn.clear_attempts(text, text) is
    'Forgets the tries to log in with an address, which ends a lockout; returns how many there were.';

revoke all on function authn._count_failures(text, interval, integer, text), authn._lockout_limit(integer),
    authn.record_login_attempt(text, boolean, inet, text), authn.is_locked_out(text, text, interval, integer),
    authn.get_recent_attempts(text, text, integer), authn.clear_attempts(text, text) from public;
grant execute on function authn.record_login_attempt(text, boolean, inet, text),
    authn.is_locked_out(text, text, interval, integer), authn.get_recent_attempts(text, text, integer),
    authn.clear_attempts(text, text) to portal_app;
