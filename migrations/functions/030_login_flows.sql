-- Login flows: start one, read it in the browser that it belongs to, and end it with a session.

create or replace function authn.start_login_flow(p_flow jsonb, p_namespace text default 'default')
returns uuid
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    c_per_prefix constant integer := 6000;  -- an hour; a big office has one address
    v_outer text := authn._enter(p_namespace);
    v_prefix cidr := authn._address_prefix(nullif(p_flow ->> 'begun_from', '')::inet);
    v_id uuid;
begin
    if c_per_prefix <= (
        select count(*) from (
            select from authn.login_flows f
             where f.namespace = p_namespace and f.prefix = v_prefix and f.created_at > now() - interval '1 hour'
             limit c_per_prefix) recent
    ) then
        perform authn._leave(v_outer);
        return null;
    end if;
    insert into authn.login_flows
        (namespace, browser_digest, purpose, reauthenticate, return_to, client_id, app_name, email, user_id, factors,
         remembered, second_step_wanted, proven_at, prefix, expires_at)
    values
        (p_namespace, p_flow ->> 'browser_digest', coalesce(p_flow ->> 'purpose', 'login'),
         coalesce((p_flow ->> 'reauthenticate')::boolean, false), p_flow ->> 'return_to', p_flow ->> 'client_id',
         p_flow ->> 'app_name', p_flow ->> 'email', (p_flow ->> 'user_id')::uuid,
         coalesce(p_flow -> 'factors', '[]'), coalesce((p_flow ->> 'remembered')::boolean, false),
         coalesce((p_flow ->> 'second_step_wanted')::boolean, false),
         case when jsonb_array_length(coalesce(p_flow -> 'factors', '[]')) > 0 then now() end, v_prefix,
         now() + make_interval(secs => (p_flow ->> 'expires_in')::double precision))
    returning id into v_id;
    perform authn._leave(v_outer);
    return v_id;
end
$$;
comment on function authn.start_login_flow(jsonb, text) is
    'Starts a login or sign-up. p_flow: browser_digest, purpose, reauthenticate, return_to, client_id, app_name, email, '
    'remembered, second_step_wanted (by the app), begun_from (an address, where anybody may begin it), expires_in (seconds). '
    'Returns the id that stands in the URL; NULL, and nothing is begun, where 6000 of the last hour were begun from this '
    'address prefix.';

create or replace function authn.get_login_flow(p_flow_id uuid, p_browser_digest text, p_namespace text default 'default')
returns table (
    id uuid, own boolean, expired boolean, finished boolean, purpose text, reauthenticate boolean, return_to text,
    client_id text, app_name text, email text, user_id uuid, factors jsonb, remembered boolean, has_password boolean,
    proven_elsewhere boolean, created_at timestamptz, verification_id uuid, code_sent_at timestamptz,
    code_attempts integer, code_expired boolean, code_used boolean, proof_purpose text, approved boolean,
    recovered boolean
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_flow authn.login_flows;
    v_proof authn.verifications;
    v_own boolean;
begin
    select f.* into v_flow from authn.login_flows f
     where f.id = p_flow_id and f.namespace = p_namespace;
    if not found then
        perform authn._leave(v_outer);
        return;
    end if;
    -- The mail that unlocks is no proof that a page waits for.
    select v.* into v_proof
      from authn.verifications v
     where v.flow_id = v_flow.id and v.purpose <> 'unlock' order by v.created_at desc limit 1;
    perform authn._leave(v_outer);
    v_own := v_flow.browser_digest = coalesce(p_browser_digest, '');
    if not v_own then
        -- Another browser learns the app's name, so that it can begin afresh, and nothing of the first one's state.
        return query select v_flow.id, false, v_flow.expires_at <= now(), v_flow.finished_at is not null, v_flow.purpose,
            false, null::text, v_flow.client_id, v_flow.app_name, null::text, null::uuid, '[]'::jsonb, false, false, false,
            v_flow.created_at, null::uuid, null::timestamptz, 0, false, false, null::text, false, false;
        return;
    end if;
    return query select v_flow.id, true, v_flow.expires_at <= now(), v_flow.finished_at is not null, v_flow.purpose,
        v_flow.reauthenticate, v_flow.return_to, v_flow.client_id, v_flow.app_name, v_flow.email, v_flow.user_id,
        v_flow.factors, v_flow.remembered, v_flow.new_password_hash is not null, v_flow.proven_elsewhere,
        v_flow.created_at, v_proof.id, v_proof.created_at, coalesce(v_proof.attempts, 0),
        coalesce(v_proof.code_expires_at <= now(), false), v_proof.used_at is not null, v_proof.purpose,
        v_proof.approved_at is not null, v_flow.recovered_at is not null;
end
$$;
comment on function authn.get_login_flow(uuid, text, text) is
    'A flow as the browser with that cookie may see it; own = false for any other browser, which learns the app only.';

create or replace function authn.set_flow_identifier(
    p_flow_id uuid, p_browser_digest text, p_email text, p_namespace text default 'default'
) returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_found boolean;
begin
    update authn.login_flows f
       set email = p_email
     where f.id = p_flow_id and f.namespace = p_namespace and f.browser_digest = p_browser_digest
       and f.finished_at is null and f.expires_at > now() and f.user_id is null
    returning true into v_found;
    perform authn._leave(v_outer);
    return coalesce(v_found, false);
end
$$;
comment on function authn.set_flow_identifier(uuid, text, text, text) is
    'Notes the typed address in a flow, or forgets it (NULL) after "not you?". Not once a factor has been proven.';

create or replace function authn._factors_suffice(
    p_factors jsonb, p_user_id uuid, p_required boolean, p_namespace text
) returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Nothing proven is never enough: a step that proves nothing, such as accepting the terms, may only follow a proof.
    if jsonb_array_length(p_factors) = 0 then
        return false;
    end if;
    if not p_required and not authn._demands_second_step(p_user_id, p_namespace) then
        return true;
    end if;
    -- A passkey with user verification is two factors in one. Otherwise two different ones, of which one is fit to stand
    -- second: whoever reads the mailbox can reset the password, so these two together are still one. Two that prove the
    -- same (RFC 8176), such as a phone by its number twice, are not different.
    return exists (select 1 from jsonb_array_elements(p_factors) f where (f -> 'multi')::boolean)
        or exists (
            select 1
              from jsonb_array_elements(p_factors) f
              join jsonb_array_elements(p_factors) g
                on g ->> 'method' <> f ->> 'method'
               and not (g -> 'amr' ?| array(select jsonb_array_elements_text(f -> 'amr')))
             where (g -> 'second')::boolean);
end
$$;
comment on function authn._factors_suffice(jsonb, uuid, boolean, text) is
    'Whether these proven factors complete a login of this user. p_required: the namespace wants a second step of everybody.';
revoke all on function authn._factors_suffice(jsonb, uuid, boolean, text) from public;

create or replace function authn._no_login(p_outcome text, p_flow_id uuid) returns table (
    outcome text, flow_id uuid, session_id uuid, return_to text, enrolled text[], declined text[]
)
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select p_outcome, p_flow_id, null::uuid, null::text, '{}'::text[], '{}'::text[];
$$;
comment on function authn._no_login(text, uuid) is 'What complete_login returns where a proof did not hold.';
revoke all on function authn._no_login(text, uuid) from public;

create or replace function authn.complete_login(p_login jsonb, p_actor jsonb, p_namespace text default 'default')
returns table (
    outcome text, flow_id uuid, session_id uuid, return_to text, enrolled text[], declined text[]
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_flow authn.login_flows;
    v_flow_id uuid := (p_login ->> 'flow_id')::uuid;
    v_browser text := p_login ->> 'browser_digest';
    v_user_id uuid := (p_login ->> 'user_id')::uuid;
    v_session jsonb := p_login -> 'session';
begin
    perform authn._apply_actor(p_actor);
    flow_id := v_flow_id;
    outcome := 'gone';
    enrolled := '{}';
    declined := '{}';
    -- Held until the commit: a person who is disabled at this moment gets no session after it. The lock that start_session
    -- takes later, or two logins of one person at once would both hold a weaker one and wait for each other for ever.
    perform 1 from authn.users u
      where u.id = v_user_id and u.namespace = p_namespace and u.disabled_at is null for no key update;
    if found and v_flow_id is not null then
        -- Single use under concurrency: of two tabs that finish one flow, the second finds it finished.
        select f.* into v_flow
          from authn.login_flows f
         where f.id = v_flow_id and f.namespace = p_namespace and f.browser_digest = v_browser
           and f.finished_at is null and f.expires_at > now()
           and (f.user_id is null or f.user_id = v_user_id)
           for no key update;
    end if;
    if not found then
        return next;
        perform authn._leave(v_outer);
        return;
    end if;
    -- Whoever began before a method was switched off does not end with it. A recovery proves the mailbox wherever there are
    -- passwords, whether codes by mail are a way to log in or not.
    if not coalesce((p_login ->> 'recovered')::boolean, false) and exists (
        select 1
          from jsonb_array_elements(coalesce(p_login -> 'factors', '[]')) f
         where not coalesce(authn._policy(p_namespace) -> 'methods' ? (f ->> 'method'), true))
    then
        perform authn._count_refusal(
            'request_refused', 'method_off', 1, nullif(p_actor ->> 'ip_address', '')::inet, p_namespace);
        return next;
        perform authn._leave(v_outer);
        return;
    end if;
    if p_login ->> 'attempt_id' is not null then
        perform authn._confirm_login_attempt((p_login ->> 'attempt_id')::bigint, p_namespace);
    end if;
    if p_login ->> 'new_password_hash' is not null then
        -- The same password under stronger parameters: nothing that its owner did, so no event; and never over a
        -- password that was changed meanwhile.
        perform authn._check_hash(p_login ->> 'new_password_hash', 'new_password_hash');
        update authn.users u
           set password_hash = p_login ->> 'new_password_hash'
         where u.id = v_user_id and u.namespace = p_namespace and u.password_hash = p_login ->> 'old_password_hash';
    end if;
    -- Whatever the caller believed when it began: here, under the lock, the account says whether this is enough.
    if not authn._factors_suffice(
        coalesce(v_flow.factors, '[]') || coalesce(p_login -> 'factors', '[]'), v_user_id,
        coalesce((p_login ->> 'second_factor_required')::boolean, false)
            or coalesce(authn._policy(p_namespace) ->> 'second_factor' = 'required', false)
            or coalesce(v_flow.second_step_wanted, false) and authn.can_step_up(v_user_id, p_namespace), p_namespace
    ) then
        v_session := null;
        outcome := 'pending';
        perform authn._audit(
            'second_step_due', 'user', v_user_id::text, null,
            jsonb_build_object('proven', jsonb_path_query_array(p_login, '$.factors[*].method')), p_namespace);
    elsif v_session is not null then
        perform authn._accept_terms(v_user_id, v_flow.terms_version, p_namespace);
        if authn._terms_due(v_user_id, p_namespace) is not null then
            v_session := null;
            outcome := 'terms';
        end if;
    end if;
    if v_flow_id is not null then
        update authn.login_flows f
           set user_id = v_user_id,
               email = coalesce(p_login ->> 'email', f.email),
               factors = f.factors || coalesce(p_login -> 'factors', '[]'),
               remembered = coalesce((p_login ->> 'remembered')::boolean, f.remembered),
               proven_at = coalesce(f.proven_at, now()),
               finished_at = case when v_session is not null then now() end
         where f.id = v_flow_id;
    elsif v_session is null then
        flow_id := authn.start_login_flow(p_login, p_namespace);
    end if;
    outcome := case when outcome = 'gone' then 'pending' else outcome end;
    return_to := v_flow.return_to;
    enrolled := array(
        select distinct m.mfa_type
          from authn.mfa_secrets m
         where m.namespace = p_namespace and m.user_id = v_user_id);
    declined := array(
        select d.offer
          from authn.declined_offers d
         where d.namespace = p_namespace and d.user_id = v_user_id and (d.until is null or d.until > now()));
    if v_session is not null then
        -- A login is as old as its first proof: a password of this morning is no fresh one because a code came now.
        v_session := v_session || jsonb_build_object('auth_time', coalesce(v_flow.proven_at, now()));
        session_id := authn._issue_session(v_user_id, v_browser, v_session, p_actor, p_namespace);
        update authn.login_flows f set session_id = complete_login.session_id where f.id = v_flow_id;
        outcome := 'session';
    end if;
    return next;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.complete_login(jsonb, jsonb, text) is
    'Records a proven factor and, when p_login has a session and the factors suffice, ends the flow with it: all in '
    'one commit. p_login: flow_id, browser_digest, user_id, email, attempt_id, factors (method, amr, multi, second), '
    'remembered, session, second_factor_required (by the namespace); old_password_hash and new_password_hash where '
    'the same password was hashed anew. Outcome: session, pending (another factor is due), terms (they are to be '
    'accepted first, see note_terms) or gone (the flow was used, has expired, or belongs to another browser or user; '
    'or the namespace has switched the method off meanwhile). enrolled: types of the account''s authenticators; '
    'declined: offers that it does not want.';

create or replace function authn.decline_offer(
    p_user_id uuid, p_offer text, p_for interval default null, p_namespace text default 'default'
) returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
begin
    perform authn._require(p_user_id is not null, 'user_id');
    perform authn._check_text(p_offer, 'offer', 100);
    insert into authn.declined_offers (namespace, user_id, offer, until)
    values (p_namespace, p_user_id, p_offer, now() + p_for)
    on conflict (namespace, user_id, offer) do update set until = excluded.until;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.decline_offer(uuid, text, interval, text) is
    'Notes that a person does not want what a page offered: for a time, or for ever (NULL). Offers are named by whoever '
    'makes them, such as passkey.';
revoke all on function authn.decline_offer(uuid, text, interval, text) from public;
grant execute on function authn.decline_offer(uuid, text, interval, text) to portal_app;

create or replace function authn._issue_session(
    p_user_id uuid, p_browser_digest text, p_session jsonb, p_actor jsonb, p_namespace text
) returns uuid
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_session_id uuid;
begin
    perform authn._check_hash(p_session ->> 'token_hash', 'token_hash');
    insert into authn.known_browsers (namespace, user_id, browser_digest)
    values (p_namespace, p_user_id, p_browser_digest)
    on conflict (namespace, user_id, browser_digest) do update set last_seen_at = now();
    -- The same person again (reauthentication): the token is renewed, the id stays, or every app would be orphaned.
    update authn.sessions s
       set token_hash = p_session ->> 'token_hash',
           auth_time = coalesce((p_session ->> 'auth_time')::timestamptz, now()),
           last_active_at = now(),
           amr = array(select jsonb_array_elements_text(p_session -> 'amr'))
     where s.token_hash = p_session ->> 'previous_token_hash' and s.namespace = p_namespace and s.user_id = p_user_id
       and s.revoked_at is null and s.expires_at > now()
    returning s.id into v_session_id;
    if found then
        perform authn._audit('session_renewed', 'session', v_session_id::text, null,
                             jsonb_build_object('user_id', p_user_id), p_namespace);
        return v_session_id;
    end if;
    -- Somebody else's session in the same browser ends: its cookie is about to be replaced.
    if p_session ->> 'previous_token_hash' is not null then
        perform authn.revoke_session(p_session ->> 'previous_token_hash', p_namespace);
    end if;
    return authn.start_session(
        p_user_id, p_session ->> 'token_hash',
        p_session - array['token_hash', 'previous_token_hash'] || jsonb_build_object('browser_digest', p_browser_digest),
        p_actor, p_namespace);
end
$$;
comment on function authn._issue_session(uuid, text, jsonb, jsonb, text) is
    'The one place where a login becomes a session: remembers the browser, renews the session of the same person or '
    'starts a new one. p_session: what start_session takes, token_hash, and previous_token_hash of the browser''s cookie.';
revoke all on function authn._issue_session(uuid, text, jsonb, jsonb, text) from public;

revoke all on function authn.start_login_flow(jsonb, text) from public;
grant execute on function authn.start_login_flow(jsonb, text) to portal_app;
revoke all on function authn.get_login_flow(uuid, text, text) from public;
grant execute on function authn.get_login_flow(uuid, text, text) to portal_app;
revoke all on function authn.set_flow_identifier(uuid, text, text, text) from public;
grant execute on function authn.set_flow_identifier(uuid, text, text, text) to portal_app;
revoke all on function authn.complete_login(jsonb, jsonb, text) from public;
grant execute on function authn.complete_login(jsonb, jsonb, text) to portal_app;

create or replace function authn.cleanup_logins(p_namespace text default 'default', p_batch_size integer default 10000)
returns table (flows_deleted bigint, browsers_deleted bigint)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_flows bigint;
    v_browsers bigint;
begin
    -- A week longer than it works, so that its page can still start the login again. Proofs go with their flow.
    delete from authn.login_flows f
     where f.id = any (array(
               select o.id from authn.login_flows o
                where o.namespace = p_namespace and o.expires_at < now() - interval '7 days'
                order by o.expires_at limit p_batch_size for update skip locked));
    get diagnostics v_flows = row_count;
    delete from authn.known_browsers k
     where (k.user_id, k.browser_digest) in (
               select o.user_id, o.browser_digest from authn.known_browsers o
                where o.namespace = p_namespace and o.last_seen_at < now() - interval '400 days'
                order by o.last_seen_at limit p_batch_size for update skip locked)
       and k.namespace = p_namespace;
    get diagnostics v_browsers = row_count;
    perform authn._leave(v_outer);
    return query select v_flows, v_browsers;
end
$$;
comment on function authn.cleanup_logins(text, integer) is
    'Deletes flows that expired a week ago with their proofs, and browsers not seen for as long as their cookie lives.';
revoke all on function authn.cleanup_logins(text, integer) from public;
grant execute on function authn.cleanup_logins(text, integer) to portal_app;
