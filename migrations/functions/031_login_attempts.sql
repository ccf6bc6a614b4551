-- Login budgets: an attempt is counted before the secret is checked, and stays a failure unless it is confirmed.
-- Budgets go by identifier + address prefix, so that a stranger's guesses do not close the account to its owner.

create or replace function authn.begin_password_login(
    p_email text, p_browser_digest text, p_actor jsonb, p_namespace text default 'default'
) returns table (
    attempt_id bigint, user_id uuid, password_hash text, disabled boolean, has_second_factor boolean,
    retry_after integer, locked boolean, known_browser boolean
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_email text := authn._check_email(p_email);
    v_ip inet := nullif(p_actor ->> 'ip_address', '')::inet;
    v_prefix cidr := authn._address_prefix(v_ip);
    v_user authn.users;
    v_known boolean := false;
    v_retry integer;
    v_locked boolean;
    v_attempt bigint;
begin
    -- Parallel guesses line up here; without the lock each would count before the others are seen.
    perform pg_advisory_xact_lock(hashtextextended('login:' || p_namespace || ':' || v_email, 0));
    select u.* into v_user from authn.users u where u.namespace = p_namespace and u.email = v_email;
    if v_user.id is not null and p_browser_digest is not null then
        v_known := exists (
            select 1 from authn.known_browsers k
             where k.namespace = p_namespace and k.user_id = v_user.id and k.browser_digest = p_browser_digest)
            or exists (
            select 1 from authn.login_unlocks k
             where k.namespace = p_namespace and k.user_id = v_user.id and k.browser_digest = p_browser_digest
               and k.expires_at > now());
    end if;
    if not v_known and v_prefix is not null then
        -- Those of one network at different addresses as well: its budget is for all of them. After the address, always.
        perform pg_advisory_xact_lock(hashtextextended('login network:' || p_namespace || ':' || v_prefix, 0));
    end if;
    -- The day's tries first: then only the mailbox helps, and waiting a quarter of an hour would be a false promise.
    v_retry := case when v_known then 0 else authn._login_locked_for(v_email, p_namespace) end;
    v_locked := v_retry > 0;
    if not v_locked then
        v_retry := authn._login_retry_after(v_email, v_prefix, p_browser_digest, v_known, p_namespace);
    end if;
    if v_retry = 0 then
        insert into authn.login_attempts (namespace, email, success, ip_address, browser_digest, known_browser)
        values (p_namespace, v_email, false, v_ip, p_browser_digest, v_known)
        returning id into v_attempt;
    end if;
    return query select v_attempt, v_user.id, v_user.password_hash, v_user.disabled_at is not null,
        v_user.id is not null and authn._demands_second_step(v_user.id, p_namespace), v_retry, v_locked,
        v_known;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.begin_password_login(text, text, jsonb, text) is
    'Takes one attempt from the budget and returns what the password is checked against; every column but retry_after is '
    'NULL for an unknown address. retry_after > 0 (seconds): the budget is used up and nothing was taken. locked: it is the '
    'budget of a day, of every browser that the account does not know; see begin_unlock. known_browser: the account knows '
    'this one, or its mailbox has opened it.';

create or replace function authn.begin_password_login_of_flow(
    p_flow_id uuid, p_email text, p_browser_digest text, p_actor jsonb, p_namespace text default 'default'
) returns table (flow jsonb, attempt jsonb)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
begin
    select to_jsonb(f) into flow from authn.get_login_flow(p_flow_id, p_browser_digest, p_namespace) f;
    if (flow ->> 'own')::boolean and not (flow ->> 'expired')::boolean and not (flow ->> 'finished')::boolean then
        select to_jsonb(a) into attempt
          from authn.begin_password_login(p_email, p_browser_digest, p_actor, p_namespace) a;
    end if;
    perform authn._leave(v_outer);
    return next;
end
$$;
comment on function authn.begin_password_login_of_flow(uuid, text, text, jsonb, text) is
    'get_login_flow and, where that flow can go on in this browser, begin_password_login, in one round trip. NULL for what '
    'is not there.';

create or replace function authn._login_retry_after(
    p_email text, p_prefix cidr, p_browser_digest text, p_known boolean, p_namespace text
) returns integer
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    c_window constant interval := interval '15 minutes';
    v_oldest timestamptz;
begin
    if p_known then
        -- The owner's own browser: 10 in 15 minutes, whatever strangers do.
        select min(t.attempted_at) into v_oldest from (
            select a.attempted_at from authn.login_attempts a
             where a.namespace = p_namespace and a.email = p_email and not a.success
               and a.browser_digest = p_browser_digest and a.attempted_at > now() - c_window
             order by a.attempted_at desc limit 10) t
        having count(*) = 10;
        return coalesce(ceil(extract(epoch from v_oldest + c_window - now()))::integer, 0);
    end if;
    -- 5 for this address from this prefix.
    select min(t.attempted_at) into v_oldest from (
        select a.attempted_at from authn.login_attempts a
         where a.namespace = p_namespace and a.email = p_email and not a.success and not a.known_browser
           and a.prefix = p_prefix and a.attempted_at > now() - c_window
         order by a.attempted_at desc limit 5) t
    having count(*) = 5;
    if v_oldest is not null then
        return greatest(ceil(extract(epoch from v_oldest + c_window - now()))::integer, 1);
    end if;
    -- 50 from this prefix, whatever the address.
    select min(t.attempted_at) into v_oldest from (
        select a.attempted_at from authn.login_attempts a
         where a.namespace = p_namespace and not a.success and not a.known_browser
           and a.prefix = p_prefix and a.attempted_at > now() - c_window
         order by a.attempted_at desc limit 50) t
    having count(*) = 50;
    if v_oldest is null then
        return 0;
    end if;
    return greatest(ceil(extract(epoch from v_oldest + c_window - now()))::integer, 1);
end
$$;
comment on function authn._login_retry_after(text, cidr, text, boolean, text) is
    'Seconds until the next attempt is allowed, 0 when it is allowed now. Inner limits keep the count cheap even for an '
    'address with hundreds of thousands of attempts.';
revoke all on function authn._login_retry_after(text, cidr, text, boolean, text) from public;

create or replace function authn._login_locked_for(p_email text, p_namespace text) returns integer
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_oldest timestamptz;
begin
    select min(t.attempted_at) into v_oldest from (
        select a.attempted_at from authn.login_attempts a
         where a.namespace = p_namespace and a.email = p_email and not a.success and not a.known_browser
           and a.attempted_at > now() - interval '1 day'
         order by a.attempted_at desc limit 100) t
    having count(*) = 100;
    if v_oldest is null then
        return 0;
    end if;
    return greatest(ceil(extract(epoch from v_oldest + interval '1 day' - now()))::integer, 1);
end
$$;
comment on function authn._login_locked_for(text, text) is
    'Seconds until browsers that the account does not know may try again, 0 while they have not failed 100 times in a day.';
revoke all on function authn._login_locked_for(text, text) from public;

create or replace function authn._confirm_login_attempt(p_attempt_id bigint, p_namespace text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    update authn.login_attempts a set success = true where a.id = p_attempt_id and a.namespace = p_namespace;
end
$$;
comment on function authn._confirm_login_attempt(bigint, text) is 'Turns a counted attempt into a success.';
revoke all on function authn._confirm_login_attempt(bigint, text) from public;

create or replace function authn.fail_password_login(
    p_attempt_id bigint, p_email text, p_actor jsonb, p_namespace text default 'default'
) returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_email text := authn._check_email(p_email);
    v_prefix cidr := authn._address_prefix(nullif(p_actor ->> 'ip_address', '')::inet);
    v_failures bigint;
begin
    perform authn._apply_actor(p_actor);
    select count(*) into v_failures from (
        select 1 from authn.login_attempts a
         where a.namespace = p_namespace and a.email = v_email and not a.success and a.prefix = v_prefix
           and a.id <= p_attempt_id and a.attempted_at > now() - interval '15 minutes' limit 6) t;
    perform authn._audit(
        case when v_failures = 5 then 'lockout_triggered' else 'login_attempt_failed' end,
        'email', v_email, null, null, p_namespace);
    perform authn._leave(v_outer);
end
$$;
comment on function authn.fail_password_login(bigint, text, jsonb, text) is
    'Writes the audit event of a wrong password: lockout_triggered for the one that uses up the budget of this address '
    'prefix, else login_attempt_failed. The attempt itself was counted when it began.';

revoke all on function authn.begin_password_login(text, text, jsonb, text) from public;
grant execute on function authn.begin_password_login(text, text, jsonb, text) to portal_app;
revoke all on function authn.begin_password_login_of_flow(uuid, text, text, jsonb, text) from public;
grant execute on function authn.begin_password_login_of_flow(uuid, text, text, jsonb, text) to portal_app;
revoke all on function authn.fail_password_login(bigint, text, jsonb, text) from public;
grant execute on function authn.fail_password_login(bigint, text, jsonb, text) to portal_app;
