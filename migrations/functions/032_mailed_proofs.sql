-- Proofs by mail: a code and a link that share a row. Sign-up, login and recovery differ in what a proof leads to; how
-- often one may ask, guess and use it is decided here, once.

create or replace function authn._begin_proof(
    p_wish jsonb, p_purpose text, p_outcome text, p_code_works boolean, p_actor jsonb, p_namespace text
) returns table (outcome text, flow_id uuid, retry_after integer)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    c_resend_after constant interval := interval '30 seconds';
    c_codes_a_day constant integer := 10;   -- then the mails carry the link only: a stranger cannot close the channel
    c_mails_a_day constant integer := 20;   -- then nothing is sent, silently: nobody's mailbox is a target
    c_starts_per_prefix constant integer := 50;
    v_email text := authn._check_email(p_wish ->> 'email');
    v_ip inet := nullif(p_actor ->> 'ip_address', '')::inet;
    v_flow_id uuid := (p_wish ->> 'flow_id')::uuid;
    v_flow_purpose text := case when p_purpose = 'signup' then 'signup' else 'login' end;
    v_browser text := p_wish ->> 'browser_digest';
    v_known_browser boolean;
    v_sent integer;
    v_last timestamptz;
    v_with_code boolean;
begin
    -- Two posts at once for one address line up, or both would send.
    perform pg_advisory_xact_lock(hashtextextended('mailed proof:' || p_namespace || ':' || v_email, 0));
    -- So do those of one network for different addresses. After the address, always.
    perform pg_advisory_xact_lock(
        hashtextextended('mails of network:' || p_namespace || ':' || authn._address_prefix(v_ip), 0))
      where v_ip is not null;
    if (select count(*) from (
            select 1 from authn.verifications v
             where v.namespace = p_namespace and v.prefix = authn._address_prefix(v_ip)
               and v.created_at > now() - interval '15 minutes' limit c_starts_per_prefix) t) >= c_starts_per_prefix then
        return query select 'throttled', v_flow_id, 900;
        return;
    end if;
    if v_flow_id is not null then
        select max(v.created_at) into v_last
          from authn.verifications v
         where v.flow_id = v_flow_id and v.email = v_email and v.purpose = p_purpose;
        if v_last > now() - c_resend_after and (p_wish ->> 'resend')::boolean then
            return query select 'too_soon', v_flow_id,
                greatest(ceil(extract(epoch from v_last + c_resend_after - now()))::integer, 1);
            return;
        end if;
        update authn.login_flows f
           set purpose = v_flow_purpose,
               email = v_email,
               -- A password typed to sign up does not wait beside a login or a recovery.
               new_password_hash = case when p_purpose = 'signup' then f.new_password_hash end,
               remembered = coalesce((p_wish ->> 'remembered')::boolean, f.remembered),
               expires_at = greatest(
                   f.expires_at, now() + make_interval(secs => (p_wish ->> 'expires_in')::double precision))
         where f.id = v_flow_id and f.namespace = p_namespace and f.browser_digest = v_browser
           and f.finished_at is null and f.expires_at > now() and f.user_id is null;
        if not found then
            return query select 'gone', v_flow_id, 0;
            return;
        end if;
        -- The newest code is the only one that works.
        update authn.verifications v
           set used_at = coalesce(v.used_at, now()), approved_at = null
         where v.flow_id = v_flow_id and (v.used_at is null or v.approved_at is not null);
    else
        v_flow_id := authn.start_login_flow(
            p_wish || jsonb_build_object('purpose', v_flow_purpose, 'email', v_email), p_namespace);
    end if;
    -- A browser that has logged in to the account has mails of its own: a stranger who asks for all of a day's must not
    -- keep the owner out. Nobody else is told apart by it.
    v_known_browser := exists (
        select 1
          from authn.known_browsers k
          join authn.users u on u.id = k.user_id and u.namespace = k.namespace
         where k.namespace = p_namespace and u.email = v_email and k.browser_digest = v_browser);
    select count(*) into v_sent
      from authn.verifications v
      join authn.login_flows f on f.id = v.flow_id
     where v.namespace = p_namespace and v.email = v_email and v.created_at > now() - interval '1 day'
       and v.purpose <> 'unlock'  -- has a cap of its own, which a stranger reaches by guessing
       and (not v_known_browser or f.browser_digest = v_browser);
    v_with_code := v_sent < c_codes_a_day;
    insert into authn.verifications
        (id, namespace, flow_id, email, purpose, outcome, code_digest, link_digest, ip_address, user_agent,
         code_expires_at, expires_at)
    values
        ((p_wish ->> 'verification_id')::uuid, p_namespace, v_flow_id, v_email, p_purpose, p_outcome,
         -- Where there is nothing to prove the code can never match; the row is there so that both kinds look alike.
         case when p_code_works and v_with_code then p_wish ->> 'code_digest' else p_wish ->> 'impossible_digest' end,
         p_wish ->> 'link_digest', v_ip, p_actor ->> 'user_agent',
         now() + make_interval(secs => (p_wish ->> 'code_expires_in')::double precision),
         now() + make_interval(secs => (p_wish ->> 'link_expires_in')::double precision));
    if v_sent < c_mails_a_day then
        perform authn._enqueue('mail', case
            when not p_code_works then p_wish ->> 'mail_other'
            when v_with_code then p_wish ->> 'mail_code'
            else p_wish ->> 'mail_link' end, p_namespace);
    else
        perform authn._count_refusal('mail_suppressed', p_purpose || '_mail', 1, v_ip, p_namespace);
    end if;
    return query select 'sent', v_flow_id, 0;
end
$$;
comment on function authn._begin_proof(jsonb, text, text, boolean, jsonb, text) is
    'Notes that an address is to be proven and sends the mail: the same rows and statements whether or not the code can '
    'work (p_code_works). p_wish: flow_id or what starts a flow, email, remembered, verification_id, code_digest, '
    'impossible_digest, link_digest, code_expires_in, link_expires_in and expires_in (seconds; the last is the flow''s), '
    'mail_code, mail_link, mail_other (sealed), resend. Outcome: sent, too_soon or throttled (with retry_after), gone.';
revoke all on function authn._begin_proof(jsonb, text, text, boolean, jsonb, text) from public;

create or replace function authn._begin_account_proof(p_wish jsonb, p_purpose text, p_actor jsonb, p_namespace text)
returns table (outcome text, flow_id uuid, retry_after integer)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_email text := authn._check_email(p_wish ->> 'email');
    v_outcome text;
begin
    perform authn._apply_actor(p_actor);
    select case when u.disabled_at is null then p_purpose else 'login_disabled' end into v_outcome
      from authn.users u where u.namespace = p_namespace and u.email = v_email;
    v_outcome := coalesce(v_outcome, 'login_not_possible');
    select b.outcome, b.flow_id, b.retry_after into outcome, flow_id, retry_after
      from authn._begin_proof(
               -- Put together for every address: the mails are long, and a stopwatch would tell who is disabled.
               p_wish || jsonb_build_object('mail_other', coalesce(
                   case when v_outcome = 'login_disabled' then p_wish -> 'mail_disabled' end, p_wish -> 'mail_other')),
               p_purpose, v_outcome, v_outcome = p_purpose, p_actor, p_namespace) b;
    if outcome = 'sent' then
        perform authn._audit(p_purpose || '_mail_requested', 'email', v_email, null, null, p_namespace);
    end if;
    return next;
end
$$;
comment on function authn._begin_account_proof(jsonb, text, jsonb, text) is
    'Mails a code and a link to whoever has an account, or, where no account can log in, that there is none: same rows, same '
    'statements. p_wish: what _begin_proof takes, and mail_disabled for a disabled account. p_purpose: login or recovery.';
revoke all on function authn._begin_account_proof(jsonb, text, jsonb, text) from public;

create or replace function authn._try_code(
    p_flow_id uuid, p_browser_digest text, p_verification_id uuid, p_code_digest text, p_purpose text, p_namespace text
) returns table (outcome text, tries_left integer, email text)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    c_tries constant integer := 5;
    v_proof authn.verifications;
begin
    -- The try is counted in the same statement that allows it: forty at once still get five.
    update authn.verifications v
       set attempts = v.attempts + 1
      from authn.login_flows f
     where v.id = p_verification_id and v.flow_id = p_flow_id and v.purpose = p_purpose
       and f.id = v.flow_id and f.namespace = p_namespace and f.browser_digest = p_browser_digest
       and f.finished_at is null and v.used_at is null and v.attempts < c_tries and v.code_expires_at > now()
    returning v.* into v_proof;
    if not found then
        return query select 'dead', 0, null::text;
    -- Not <>: compared with a missing digest that is NULL, and would pass.
    elsif v_proof.code_digest is distinct from p_code_digest then
        perform authn._audit(p_purpose || '_code_failed',
                             case when starts_with(p_purpose, 'sms') then 'phone' else 'email' end, v_proof.email, null,
                             jsonb_build_object('tries_left', c_tries - v_proof.attempts), p_namespace);
        return query select 'wrong', c_tries - v_proof.attempts, v_proof.email;
    else
        return query select 'right', c_tries - v_proof.attempts, v_proof.email;
    end if;
end
$$;
comment on function authn._try_code(uuid, text, uuid, text, text, text) is
    'Counts one try at a code and says whether it is right, wrong (tries_left) or dead: used, expired, five tries, asked for '
    'something else, or not this browser''s. Using up the right one is left to the caller.';
revoke all on function authn._try_code(uuid, text, uuid, text, text, text) from public;

create or replace function authn.find_link(
    p_link_digest text, p_browser_digest text, p_namespace text default 'default'
) returns table (
    verification_id uuid, outcome text, own_browser boolean, usable boolean, email text, app_name text, client_id text,
    flow_id uuid, requested_at timestamptz, ip_address inet, user_agent text
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
begin
    return query
        select v.id, v.outcome, f.browser_digest = coalesce(p_browser_digest, ''),
               v.used_at is null and v.expires_at > now() and f.finished_at is null,
               v.email, f.app_name, f.client_id, f.id, v.created_at, v.ip_address, v.user_agent
          from authn.verifications v
          join authn.login_flows f on f.id = v.flow_id
         where v.namespace = p_namespace and v.link_digest = p_link_digest;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.find_link(text, text, text) is
    'What a mailed link is for. Reads only: mail scanners open links, so opening one must change nothing.';
revoke all on function authn.find_link(text, text, text) from public;
grant execute on function authn.find_link(text, text, text) to portal_app;

create or replace function authn._lock_login(p_email text, p_flow_id uuid, p_namespace text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform pg_advisory_xact_lock(hashtextextended('identity:' || p_namespace || ':email:' || p_email, 0));
    perform 1 from authn.users u where u.namespace = p_namespace and u.email = p_email for no key update;
    perform 1 from authn.login_flows f where f.namespace = p_namespace and f.id = p_flow_id for no key update;
end
$$;
comment on function authn._lock_login(text, uuid, text) is
    'Takes the locks of a login in the one order that keeps two of them from waiting for each other for ever: the address, '
    'its account, the flow. Proofs, authenticators and sessions come after, under these.';
revoke all on function authn._lock_login(text, uuid, text) from public;

create or replace function authn._lock_proof(p_verification_id uuid, p_link_digest text, p_namespace text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_email text;
    v_flow_id uuid;
begin
    select v.email, v.flow_id
      into v_email, v_flow_id
      from authn.verifications v
     where v.namespace = p_namespace and (v.id = p_verification_id or v.link_digest = p_link_digest);
    if found then
        perform authn._lock_login(v_email, v_flow_id, p_namespace);
    end if;
end
$$;
comment on function authn._lock_proof(uuid, text, text) is
    'Takes the locks of the login that a proof by mail belongs to, see _lock_login; the proof is given by its id or its link.';
revoke all on function authn._lock_proof(uuid, text, text) from public;

create or replace function authn._take_link(p_link_digest text, p_outcomes text[], p_namespace text)
returns authn.verifications
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_proof authn.verifications;
begin
    perform authn._lock_proof(null, p_link_digest, p_namespace);
    update authn.verifications v
       set used_at = now()
     where v.namespace = p_namespace and v.link_digest = p_link_digest and v.outcome = any (p_outcomes)
       and v.used_at is null and v.expires_at > now()
    returning v.* into v_proof;
    return v_proof;
end
$$;
comment on function authn._take_link(text, text[], text) is
    'Uses up a link of these kinds, and with it the code of its mail; of any number of calls at once one gets the row, the '
    'others NULLs.';
revoke all on function authn._take_link(text, text[], text) from public;

create or replace function authn._lead_on(
    p_proof authn.verifications, p_browser_digest text, p_purpose text, p_elsewhere jsonb, p_namespace text
) returns uuid
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_flow_id uuid;
begin
    update authn.login_flows f
       set purpose = p_purpose, new_password_hash = null, new_name = null
     where f.id = p_proof.flow_id and f.browser_digest = p_browser_digest
       and f.finished_at is null and f.expires_at > now() and f.user_id is null
    returning f.id into v_flow_id;
    if v_flow_id is null then
        v_flow_id := authn.start_login_flow(
            p_elsewhere || jsonb_build_object(
                'purpose', p_purpose, 'email', p_proof.email, 'browser_digest', p_browser_digest),
            p_namespace);
    end if;
    return v_flow_id;
end
$$;
comment on function authn._lead_on(authn.verifications, text, text, jsonb, text) is
    'The flow that goes on after a link that proves nothing to anybody: the one that asked, in its own browser, else a fresh '
    'one (p_elsewhere: return_to, client_id, app_name, expires_in). p_purpose: login or signup.';
revoke all on function authn._lead_on(authn.verifications, text, text, jsonb, text) from public;
