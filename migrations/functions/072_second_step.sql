-- The second step of a login: a try is counted before the code is looked at, and using it up is one statement.

create or replace function authn.begin_second_step(
    p_flow_id uuid, p_browser_digest text, p_mfa_type text, p_namespace text default 'default'
) returns table (attempt_id bigint, user_id uuid, authenticators jsonb, now_seconds bigint, retry_after integer)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_known boolean;
begin
    select f.user_id into user_id
      from authn.login_flows f
      join authn.users u on u.id = f.user_id and u.namespace = f.namespace
     where f.id = p_flow_id and f.namespace = p_namespace and f.browser_digest = p_browser_digest
       and f.finished_at is null and f.expires_at > now() and jsonb_array_length(f.factors) > 0
       and u.disabled_at is null;
    if not found then
        perform authn._leave(v_outer);
        return;
    end if;
    -- Parallel guesses line up here; without the lock each would count before the others are seen.
    perform pg_advisory_xact_lock(hashtextextended('second:' || p_namespace || ':' || user_id, 0));
    v_known := exists (
        select 1
          from authn.known_browsers k
         where k.namespace = p_namespace and k.user_id = begin_second_step.user_id
           and k.browser_digest = p_browser_digest);
    retry_after := authn._second_step_retry_after(user_id, p_browser_digest, v_known, p_namespace);
    if retry_after = 0 then
        insert into authn.second_step_attempts (namespace, user_id, flow_id, known_browser, browser_digest)
        values (p_namespace, begin_second_step.user_id, p_flow_id, v_known, p_browser_digest)
        returning id into attempt_id;
        select jsonb_agg(
                   jsonb_build_object('id', m.id, 'secret', m.secret, 'last_step', m.last_step, 'used_codes', m.used_codes)
                   order by m.created_at)
          into authenticators
          from authn.mfa_secrets m
         where m.namespace = p_namespace and m.user_id = begin_second_step.user_id and m.mfa_type = p_mfa_type;
    end if;
    authenticators := coalesce(authenticators, '[]');
    now_seconds := extract(epoch from now());
    return next;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.begin_second_step(uuid, text, text, text) is
    'Counts one try at the second step of this browser''s flow and returns what the code is checked against: authenticators '
    '(id, secret, last_step, used_codes) of that type, and the time of the database in seconds. No row: the flow cannot go '
    'on. retry_after > 0 (seconds): too many tries, nothing was counted and nothing is returned.';

create or replace function authn._second_step_retry_after(
    p_user_id uuid, p_browser_digest text, p_known boolean, p_namespace text
) returns integer
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    c_tries constant integer := 5;
    c_window constant interval := interval '15 minutes';
    c_tries_a_day constant integer := 50;  -- by browsers that the account does not know: 1 in 6,000 to guess six digits
    v_oldest timestamptz;
begin
    -- A browser that the account knows counts by itself: whoever stole the password cannot use up the owner's tries.
    select min(t.attempted_at) into v_oldest from (
        select a.attempted_at
          from authn.second_step_attempts a
         where a.namespace = p_namespace and a.user_id = p_user_id and not a.success
           and a.known_browser = p_known and (not p_known or a.browser_digest = p_browser_digest)
           and a.attempted_at > now() - c_window
         order by a.attempted_at desc limit c_tries) t
    having count(*) = c_tries;
    if v_oldest is not null then
        return greatest(ceil(extract(epoch from v_oldest + c_window - now()))::integer, 1);
    end if;
    if p_known then
        return 0;
    end if;
    select min(t.attempted_at) into v_oldest from (
        select a.attempted_at
          from authn.second_step_attempts a
         where a.namespace = p_namespace and a.user_id = p_user_id and not a.success and not a.known_browser
           and a.attempted_at > now() - interval '1 day'
         order by a.attempted_at desc limit c_tries_a_day) t
    having count(*) = c_tries_a_day;
    if v_oldest is null then
        return 0;
    end if;
    return greatest(ceil(extract(epoch from v_oldest + interval '1 day' - now()))::integer, 1);
end
$$;
comment on function authn._second_step_retry_after(uuid, text, boolean, text) is
    'Seconds until the next try at the second step is allowed, 0 when it is allowed now: 5 in 15 minutes for a browser that '
    'the account knows, and 5 in 15 minutes and 50 a day for all others together.';
revoke all on function authn._second_step_retry_after(uuid, text, boolean, text) from public;

create or replace function authn.fail_second_step(
    p_attempt_id bigint, p_mfa_type text, p_actor jsonb, p_namespace text default 'default'
) returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_user_id uuid;
begin
    perform authn._apply_actor(p_actor);
    select a.user_id into v_user_id
      from authn.second_step_attempts a where a.id = p_attempt_id and a.namespace = p_namespace;
    if found then
        perform authn._audit(
            'second_step_failed', 'user', v_user_id::text, null, jsonb_build_object('mfa_type', p_mfa_type), p_namespace);
    end if;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.fail_second_step(bigint, text, jsonb, text) is
    'Writes the audit event of a wrong code at the second step. The try itself was counted when it began.';

create or replace function authn._audit_used(p_user_id uuid, p_mfa_type text, p_namespace text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform authn._audit(
        'second_step_failed', 'user', p_user_id::text, null,
        jsonb_build_object('mfa_type', p_mfa_type, 'because', 'used_before'), p_namespace);
end
$$;
comment on function authn._audit_used(uuid, text, text) is
    'Writes the audit event of a right code that somebody had used before.';
revoke all on function authn._audit_used(uuid, text, text) from public;

create or replace function authn.complete_totp_login(
    p_login jsonb, p_proof jsonb, p_actor jsonb, p_namespace text default 'default'
) returns table (
    outcome text, flow_id uuid, session_id uuid, return_to text, enrolled text[], declined text[]
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_user_id uuid := (p_login ->> 'user_id')::uuid;
    v_mfa_id uuid := (p_proof ->> 'mfa_id')::uuid;
begin
    perform authn._apply_actor(p_actor);
    -- The account before its authenticators, the order in which remove_authenticator locks them.
    perform 1 from authn.users u where u.namespace = p_namespace and u.id = v_user_id for no key update;
    -- Check and use in one statement: of forty at once with one code, one moves the step on (RFC 6238, 5.2).
    update authn.mfa_secrets m
       set last_step = (p_proof ->> 'step')::bigint, last_used_at = now()
     where m.id = v_mfa_id and m.namespace = p_namespace and m.user_id = v_user_id and m.mfa_type = 'totp'
       and coalesce(m.last_step, -1) < (p_proof ->> 'step')::bigint;
    if not found then
        perform authn._audit_used(v_user_id, 'totp', p_namespace);
        perform authn._leave(v_outer);
        return query select * from authn._no_login('used', (p_login ->> 'flow_id')::uuid);
        return;
    end if;
    perform authn._confirm_second_step((p_proof ->> 'attempt_id')::bigint, v_mfa_id, v_user_id, 'totp', p_namespace);
    return query select c.* from authn.complete_login(p_login, p_actor, p_namespace) c;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.complete_totp_login(jsonb, jsonb, jsonb, text) is
    'complete_login with a code of an authenticator app, whose time step it uses up. p_proof: mfa_id, step, attempt_id. '
    'Outcome used: that step, or a later one, was used before.';

create or replace function authn.complete_recovery_code_login(
    p_login jsonb, p_proof jsonb, p_actor jsonb, p_namespace text default 'default'
) returns table (
    outcome text, flow_id uuid, session_id uuid, return_to text, enrolled text[], declined text[]
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_user_id uuid := (p_login ->> 'user_id')::uuid;
    v_mfa_id uuid := (p_proof ->> 'mfa_id')::uuid;
begin
    perform authn._apply_actor(p_actor);
    perform 1 from authn.users u where u.namespace = p_namespace and u.id = v_user_id for no key update;
    if not exists (
        select 1 from authn.mfa_secrets m
         where m.id = v_mfa_id and m.namespace = p_namespace and m.user_id = v_user_id
    ) or authn.use_recovery_code(v_mfa_id, (p_proof ->> 'number')::integer, p_namespace) is null then
        perform authn._audit_used(v_user_id, 'recovery_codes', p_namespace);
        perform authn._leave(v_outer);
        return query select * from authn._no_login('used', (p_login ->> 'flow_id')::uuid);
        return;
    end if;
    perform authn._confirm_second_step((p_proof ->> 'attempt_id')::bigint, null, v_user_id, 'recovery_codes', p_namespace);
    if p_proof ->> 'mail' is not null then
        perform authn._enqueue('mail', p_proof ->> 'mail', p_namespace);
    end if;
    return query select c.* from authn.complete_login(p_login, p_actor, p_namespace) c;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.complete_recovery_code_login(jsonb, jsonb, jsonb, text) is
    'complete_login with a recovery code, which it uses up. p_proof: mfa_id, number (of the code in its set), attempt_id, mail '
    '(sealed, to the owner). Outcome used: that code was used before, or there is a newer set.';

create or replace function authn._confirm_second_step(
    p_attempt_id bigint, p_mfa_id uuid, p_user_id uuid, p_mfa_type text, p_namespace text
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    update authn.second_step_attempts a
       set success = true
     where a.id = p_attempt_id and a.namespace = p_namespace and a.user_id = p_user_id;
    perform authn._stop_recoveries_of(p_user_id, p_namespace);
    if p_mfa_id is not null then
        perform authn._audit(
            'mfa_used', 'mfa', p_mfa_id::text, null, jsonb_build_object('user_id', p_user_id, 'mfa_type', p_mfa_type),
            p_namespace);
    end if;
end
$$;
comment on function authn._confirm_second_step(bigint, uuid, uuid, text, text) is
    'Turns a counted try into a success, and writes the event of the authenticator''s use where p_mfa_id names one.';
revoke all on function authn._confirm_second_step(bigint, uuid, uuid, text, text) from public;

create or replace function authn._cleanup_second_step_attempts(p_namespace text, p_batch_size integer) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_deleted bigint;
begin
    delete from authn.second_step_attempts a
     where a.id = any (array(
               select o.id from authn.second_step_attempts o
                where o.namespace = p_namespace and o.attempted_at < now() - interval '1 day'
                order by o.attempted_at limit p_batch_size for update skip locked));
    get diagnostics v_deleted = row_count;
    return v_deleted;
end
$$;
comment on function authn._cleanup_second_step_attempts(text, integer) is
    'Deletes tries at a second step that count no more.';
revoke all on function authn._cleanup_second_step_attempts(text, integer) from public;

revoke all on function authn.begin_second_step(uuid, text, text, text), authn.fail_second_step(bigint, text, jsonb, text),
    authn.complete_totp_login(jsonb, jsonb, jsonb, text), authn.complete_recovery_code_login(jsonb, jsonb, jsonb, text)
    from public;
grant execute on function authn.begin_second_step(uuid, text, text, text), authn.fail_second_step(bigint, text, jsonb, text),
    authn.complete_totp_login(jsonb, jsonb, jsonb, text), authn.complete_recovery_code_login(jsonb, jsonb, jsonb, text)
    to portal_app;

create or replace function authn.count_recovery_codes(p_user_id uuid, p_namespace text default 'default')
returns table (made boolean, codes_left integer, demanded boolean)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    c_in_a_set constant integer := 10;
    v_outer text := authn._enter(p_namespace);
begin
    perform authn._require(p_user_id is not null, 'user_id');
    select m.id is not null, c_in_a_set - cardinality(m.used_codes)
      into made, codes_left
      from authn.mfa_secrets m
     where m.namespace = p_namespace and m.user_id = p_user_id and m.mfa_type = 'recovery_codes'
     order by m.created_at desc limit 1;
    made := coalesce(made, false);
    codes_left := greatest(coalesce(codes_left, 0), 0);
    demanded := authn._demands_second_step(p_user_id, p_namespace);
    return next;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.count_recovery_codes(uuid, text) is
    'Whether a person has a set of recovery codes, how many of it are left, and whether a login asks for a second step.';
revoke all on function authn.count_recovery_codes(uuid, text) from public;
grant execute on function authn.count_recovery_codes(uuid, text) to portal_app;

create or replace function authn.read_totp_secrets(p_user_id uuid, p_actor jsonb, p_namespace text default 'default')
returns table (secret text, now_seconds bigint)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
begin
    perform authn._apply_actor(p_actor);
    perform authn._require(p_user_id is not null, 'user_id');
    perform authn._audit('totp_code_shown', 'user', p_user_id::text, null, null, p_namespace);
    return query
        select m.secret, extract(epoch from now())::bigint
          from authn.mfa_secrets m
         where m.namespace = p_namespace and m.user_id = p_user_id and m.mfa_type = 'totp'
         order by m.created_at desc;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.read_totp_secrets(uuid, jsonb, text) is
    'For `portal users totp`: the sealed secrets of somebody''s authenticator apps, newest first, and the time. Leaves an '
    'event, for whoever reads them could log in as that person.';
revoke all on function authn.read_totp_secrets(uuid, jsonb, text) from public;
grant execute on function authn.read_totp_secrets(uuid, jsonb, text) to portal_app;
