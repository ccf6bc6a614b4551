-- Sign-up: what was typed waits in the flow; the account is made when the address is proven, by the code or the link.

create or replace function authn.begin_signup(p_signup jsonb, p_actor jsonb, p_namespace text default 'default')
returns table (outcome text, flow_id uuid, retry_after integer)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    c_resend_after constant interval := interval '30 seconds';
    c_codes_a_day constant integer := 10;   -- then the mails carry the link only: a stranger cannot close the channel
    c_mails_a_day constant integer := 20;   -- then nothing is sent, silently: nobody's mailbox is a target
    c_starts_per_prefix constant integer := 50;
    v_outer text := authn._enter(p_namespace);
    v_email text := authn._check_email(p_signup ->> 'email');
    v_browser text := p_signup ->> 'browser_digest';
    v_ip inet := nullif(p_actor ->> 'ip_address', '')::inet;
    v_flow_id uuid := (p_signup ->> 'flow_id')::uuid;
    v_known boolean;
    v_sent integer;
    v_last timestamptz;
    v_with_code boolean;
begin
    perform authn._apply_actor(p_actor);
    -- Two posts at once for one address line up, or both would send.
    perform pg_advisory_xact_lock(hashtextextended('signup:' || p_namespace || ':' || v_email, 0));
    if (select count(*) from (
            select 1 from authn.verifications v
             where v.namespace = p_namespace and v.prefix = authn._address_prefix(v_ip)
               and v.created_at > now() - interval '15 minutes' limit c_starts_per_prefix) t) >= c_starts_per_prefix then
        perform authn._leave(v_outer);
        return query select 'throttled', v_flow_id, 900;
        return;
    end if;
    if v_flow_id is not null then
        select max(v.created_at) into v_last from authn.verifications v where v.flow_id = v_flow_id;
        if v_last > now() - c_resend_after and (p_signup ->> 'resend')::boolean then
            perform authn._leave(v_outer);
            return query select 'too_soon', v_flow_id,
                greatest(ceil(extract(epoch from v_last + c_resend_after - now()))::integer, 1);
            return;
        end if;
        update authn.login_flows f
           set purpose = 'signup',
               email = v_email,
               new_name = coalesce(p_signup ->> 'name', f.new_name),
               new_password_hash = coalesce(p_signup ->> 'password_hash', f.new_password_hash),
               remembered = coalesce((p_signup ->> 'remembered')::boolean, f.remembered),
               expires_at = now() + make_interval(secs => (p_signup ->> 'expires_in')::double precision)
         where f.id = v_flow_id and f.namespace = p_namespace and f.browser_digest = v_browser
           and f.finished_at is null and f.expires_at > now() and f.user_id is null;
        if not found then
            perform authn._leave(v_outer);
            return query select 'gone', v_flow_id, 0;
            return;
        end if;
        -- The newest code is the only one that works.
        update authn.verifications v set used_at = now() where v.flow_id = v_flow_id and v.used_at is null;
    else
        v_flow_id := authn.start_login_flow(p_signup || jsonb_build_object('purpose', 'signup', 'email', v_email), p_namespace);
        update authn.login_flows f
           set new_name = p_signup ->> 'name', new_password_hash = p_signup ->> 'password_hash'
         where f.id = v_flow_id;
    end if;
    select count(*), exists (
        select 1 from authn.users u where u.namespace = p_namespace and u.email = v_email)
      into v_sent, v_known
      from authn.verifications v
     where v.namespace = p_namespace and v.email = v_email and v.created_at > now() - interval '1 day';
    v_with_code := v_sent < c_codes_a_day;
    insert into authn.verifications
        (id, namespace, flow_id, email, outcome, code_digest, link_digest, ip_address, user_agent, code_expires_at, expires_at)
    values
        ((p_signup ->> 'verification_id')::uuid, p_namespace, v_flow_id, v_email,
         case when v_known then 'already_registered' else 'signup' end,
         -- For a registered address the code can never match; the row is there so that both kinds look alike.
         case when v_known or not v_with_code then p_signup ->> 'impossible_digest' else p_signup ->> 'code_digest' end,
         p_signup ->> 'link_digest', v_ip, p_actor ->> 'user_agent',
         now() + make_interval(secs => (p_signup ->> 'code_expires_in')::double precision),
         now() + make_interval(secs => (p_signup ->> 'expires_in')::double precision));
    if v_sent < c_mails_a_day then
        perform authn._enqueue('mail', case
            when v_known then p_signup ->> 'mail_registered'
            when v_with_code then p_signup ->> 'mail_code'
            else p_signup ->> 'mail_link' end, p_namespace);
    end if;
    perform authn._audit('signup_started', 'email', v_email, null, null, p_namespace);
    perform authn._leave(v_outer);
    return query select 'sent', v_flow_id, 0;
end
$$;
comment on function authn.begin_signup(jsonb, jsonb, text) is
    'Notes a sign-up and sends its mail, new address or registered one alike: same rows, same statements. p_signup: flow_id '
    'or what starts a flow, email, name, password_hash, remembered, verification_id, code_digest, impossible_digest, '
    'link_digest, code_expires_in and expires_in (seconds), mail_code, mail_link, mail_registered (sealed), resend. '
    'Outcome: sent, too_soon or throttled (with retry_after), gone.';

create or replace function authn.use_signup_code(
    p_flow_id uuid, p_browser_digest text, p_verification_id uuid, p_code_digest text, p_session jsonb, p_actor jsonb,
    p_namespace text default 'default'
) returns table (outcome text, tries_left integer, user_id uuid, session_id uuid, return_to text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    c_tries constant integer := 5;
    v_outer text := authn._enter(p_namespace);
    v_proof authn.verifications;
    v_flow authn.login_flows;
    v_user_id uuid;
    v_session_id uuid;
begin
    perform authn._apply_actor(p_actor);
    -- The try is counted in the same statement that allows it: forty at once still get five.
    update authn.verifications v
       set attempts = v.attempts + 1
      from authn.login_flows f
     where v.id = p_verification_id and v.flow_id = p_flow_id and f.id = v.flow_id and f.namespace = p_namespace
       and f.browser_digest = p_browser_digest and f.finished_at is null
       and v.used_at is null and v.attempts < c_tries and v.code_expires_at > now()
    returning v.* into v_proof;
    if not found then
        perform authn._leave(v_outer);
        return query select 'dead', 0, null::uuid, null::uuid, null::text;
        return;
    end if;
    if v_proof.code_digest <> p_code_digest then
        perform authn._audit('signup_code_failed', 'email', v_proof.email, null,
                             jsonb_build_object('tries_left', c_tries - v_proof.attempts), p_namespace);
        perform authn._leave(v_outer);
        return query select 'wrong', c_tries - v_proof.attempts, null::uuid, null::uuid, null::text;
        return;
    end if;
    update authn.verifications v set used_at = now() where v.id = v_proof.id and v.used_at is null;
    update authn.login_flows f set finished_at = now()
     where f.id = p_flow_id and f.finished_at is null and f.expires_at > now() returning f.* into v_flow;
    if not found then
        perform authn._leave(v_outer);
        return query select 'dead', 0, null::uuid, null::uuid, null::text;
        return;
    end if;
    v_user_id := authn._make_proven_user(v_proof.email, v_flow.new_password_hash, v_flow.new_name, p_namespace);
    if v_user_id is null then
        perform authn._leave(v_outer);
        return query select 'taken', 0, null::uuid, null::uuid, v_flow.return_to;
        return;
    end if;
    v_session_id := authn._issue_session(v_user_id, p_browser_digest, p_session, p_actor, p_namespace);
    update authn.login_flows f set user_id = v_user_id, session_id = v_session_id, new_password_hash = null
     where f.id = p_flow_id;
    perform authn._leave(v_outer);
    return query select 'session', 0, v_user_id, v_session_id, v_flow.return_to;
end
$$;
comment on function authn.use_signup_code(uuid, text, uuid, text, jsonb, jsonb, text) is
    'Checks a sign-up code in the browser that signed up; the right one makes the account with the password that waited, '
    'proves the address and starts the session, all in one commit. Outcome: session, wrong (tries_left), dead (used, '
    'expired, five tries, or not this browser''s), taken (somebody proved the address meanwhile).';

create or replace function authn.find_link(
    p_link_digest text, p_browser_digest text, p_namespace text default 'default'
) returns table (
    outcome text, own_browser boolean, usable boolean, email text, app_name text, client_id text, flow_id uuid,
    requested_at timestamptz, user_agent text, proven_elsewhere boolean
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
begin
    return query
        select v.outcome, f.browser_digest = coalesce(p_browser_digest, ''),
               v.used_at is null and v.expires_at > now() and f.finished_at is null,
               v.email, f.app_name, f.client_id, f.id, v.created_at, v.user_agent, f.proven_elsewhere
          from authn.verifications v
          join authn.login_flows f on f.id = v.flow_id
         where v.namespace = p_namespace and v.link_digest = p_link_digest;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.find_link(text, text, text) is
    'What a mailed link is for. Reads only: mail scanners open links, so opening one must change nothing.';

create or replace function authn.use_signup_link(
    p_link_digest text, p_browser_digest text, p_session jsonb, p_elsewhere jsonb, p_actor jsonb,
    p_namespace text default 'default'
) returns table (outcome text, flow_id uuid, user_id uuid, session_id uuid, return_to text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_proof authn.verifications;
    v_flow authn.login_flows;
    v_own boolean;
    v_user_id uuid;
    v_session_id uuid;
    v_new_flow_id uuid;
begin
    perform authn._apply_actor(p_actor);
    update authn.verifications v
       set used_at = now()
     where v.namespace = p_namespace and v.link_digest = p_link_digest and v.used_at is null and v.expires_at > now()
    returning v.* into v_proof;
    if not found then
        perform authn._leave(v_outer);
        return query select 'dead', null::uuid, null::uuid, null::uuid, null::text;
        return;
    end if;
    select f.* into v_flow from authn.login_flows f where f.id = v_proof.flow_id for update;
    v_own := v_flow.browser_digest = coalesce(p_browser_digest, '');
    if v_proof.outcome = 'already_registered' then
        if v_own and v_flow.finished_at is null then
            update authn.login_flows f set purpose = 'login', new_password_hash = null, new_name = null where f.id = v_flow.id;
            v_new_flow_id := v_flow.id;
        else
            v_new_flow_id := authn.start_login_flow(
                p_elsewhere || jsonb_build_object('email', v_proof.email, 'browser_digest', p_browser_digest), p_namespace);
        end if;
        perform authn._leave(v_outer);
        return query select 'login', v_new_flow_id, null::uuid, null::uuid, v_flow.return_to;
        return;
    end if;
    -- Proof elsewhere drops the password: whoever typed it has not shown that the mailbox is theirs (pre-hijacking).
    v_user_id := authn._make_proven_user(
        v_proof.email, case when v_own then v_flow.new_password_hash end, case when v_own then v_flow.new_name end,
        p_namespace);
    if v_user_id is null then
        perform authn._leave(v_outer);
        return query select 'taken', v_flow.id, null::uuid, null::uuid, v_flow.return_to;
        return;
    end if;
    if v_own then
        v_session_id := authn._issue_session(v_user_id, p_browser_digest, p_session, p_actor, p_namespace);
        update authn.login_flows f
           set finished_at = now(), user_id = v_user_id, session_id = v_session_id, new_password_hash = null
         where f.id = v_flow.id;
        perform authn._leave(v_outer);
        return query select 'session', v_flow.id, v_user_id, v_session_id, v_flow.return_to;
        return;
    end if;
    update authn.login_flows f
       set proven_elsewhere = true, purpose = 'login', new_password_hash = null, new_name = null
     where f.id = v_flow.id;
    v_new_flow_id := authn.start_login_flow(
        p_elsewhere || jsonb_build_object(
            'purpose', 'signup', 'email', v_proof.email, 'browser_digest', p_browser_digest, 'user_id', v_user_id),
        p_namespace);
    perform authn._leave(v_outer);
    return query select 'choose_password', v_new_flow_id, v_user_id, null::uuid, null::text;
end
$$;
comment on function authn.use_signup_link(text, text, jsonb, jsonb, jsonb, text) is
    'Acts on a mailed link, once. In the browser that signed up: account, password that waited, session. Elsewhere: account '
    'without a password and a fresh flow (p_elsewhere: return_to, expires_in …) in which one is chosen; the first browser''s '
    'flow goes on to log in. For a registered address: a login. Outcome: session, choose_password, login, taken, dead.';

create or replace function authn.finish_signup(
    p_flow_id uuid, p_browser_digest text, p_password_hash text, p_session jsonb, p_actor jsonb,
    p_namespace text default 'default'
) returns table (outcome text, user_id uuid, session_id uuid, return_to text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_flow authn.login_flows;
    v_session_id uuid;
begin
    perform authn._apply_actor(p_actor);
    update authn.login_flows f
       set finished_at = now()
      from authn.users u
     where f.id = p_flow_id and f.namespace = p_namespace and f.browser_digest = p_browser_digest
       and f.purpose = 'signup' and f.finished_at is null and f.expires_at > now()
       and u.id = f.user_id and u.password_hash is null and u.disabled_at is null
    returning f.* into v_flow;
    if not found then
        perform authn._leave(v_outer);
        return query select 'gone', null::uuid, null::uuid, null::text;
        return;
    end if;
    perform authn.update_password(v_flow.user_id, p_password_hash, p_namespace);
    v_session_id := authn._issue_session(v_flow.user_id, p_browser_digest, p_session, p_actor, p_namespace);
    update authn.login_flows f set session_id = v_session_id where f.id = v_flow.id;
    perform authn._leave(v_outer);
    return query select 'session', v_flow.user_id, v_session_id, v_flow.return_to;
end
$$;
comment on function authn.finish_signup(uuid, text, text, jsonb, jsonb, text) is
    'Ends a sign-up whose address was proven by a link opened in another browser than the one that asked: the password '
    'chosen there becomes the account''s, and that browser is logged in.';

create or replace function authn._make_proven_user(p_email text, p_password_hash text, p_name text, p_namespace text)
returns uuid
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid;
begin
    if exists (select 1 from authn.users u where u.namespace = p_namespace and u.email = p_email) then
        return null;
    end if;
    begin
        v_user_id := authn.create_user(p_email, p_password_hash, p_namespace);
    exception when unique_violation then
        return null;
    end;
    update authn.users u set email_verified_at = now(), name = p_name where u.id = v_user_id;
    perform authn._audit('email_verified', 'user', v_user_id::text, null, null, p_namespace);
    return v_user_id;
end
$$;
comment on function authn._make_proven_user(text, text, text, text) is
    'Makes an account whose address has just been proven; NULL when the address has one already.';
revoke all on function authn._make_proven_user(text, text, text, text) from public;

revoke all on function authn.begin_signup(jsonb, jsonb, text) from public;
grant execute on function authn.begin_signup(jsonb, jsonb, text) to portal_app;
revoke all on function authn.use_signup_code(uuid, text, uuid, text, jsonb, jsonb, text) from public;
grant execute on function authn.use_signup_code(uuid, text, uuid, text, jsonb, jsonb, text) to portal_app;
revoke all on function authn.find_link(text, text, text) from public;
grant execute on function authn.find_link(text, text, text) to portal_app;
revoke all on function authn.use_signup_link(text, text, jsonb, jsonb, jsonb, text) from public;
grant execute on function authn.use_signup_link(text, text, jsonb, jsonb, jsonb, text) to portal_app;
revoke all on function authn.finish_signup(uuid, text, text, jsonb, jsonb, text) from public;
grant execute on function authn.finish_signup(uuid, text, text, jsonb, jsonb, text) to portal_app;
