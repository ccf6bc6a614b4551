-- Login by a code in a text message. A number that nobody has signs up with the same code where anybody may sign up.
-- What a stranger sees is the same for every number; whether a message left is in the audit log.

create or replace function authn._calling_code(p_phone text) returns text
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- ITU-T E.164 annex: zones 1 and 7 have one digit, these have two, the rest three.
    return coalesce(
        substring(p_phone from '^\+(?:[17]|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58])'), left(p_phone, 4));
end
$$;
comment on function authn._calling_code(text) is 'The country calling code of a number in E.164, with its plus sign.';

create or replace function authn._sms_cap_reached(
    p_phone text, p_policy jsonb, p_behind_a_factor boolean, p_namespace text
) returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    -- Behind a first factor a number gets four times as many: its owner may log in more often than five times a day.
    v_per_number integer := coalesce((p_policy ->> 'sms_per_number')::integer, 5) * case when p_behind_a_factor then 4 else 1 end;
begin
    if p_policy ? 'sms_countries' and not exists (
        select 1 from jsonb_array_elements_text(p_policy -> 'sms_countries') c where starts_with(p_phone, c)
    ) then
        return 'not_served';
    end if;
    return case
        when (select count(*) from authn.sms_sent s
               where s.namespace = p_namespace and s.phone = p_phone and s.behind_a_factor = p_behind_a_factor
                 and s.sent_at > now() - interval '1 day')
            >= v_per_number then 'number'
        when (select count(*) from authn.sms_sent s
               where s.namespace = p_namespace and s.calling_code = authn._calling_code(p_phone)
                 and s.behind_a_factor = p_behind_a_factor and s.sent_at > now() - interval '1 hour')
            >= coalesce((p_policy ->> 'sms_per_country')::integer, 100) then 'country'
        when (select count(*) from authn.sms_sent s
               where s.namespace = p_namespace and s.behind_a_factor = p_behind_a_factor
                 and s.sent_at > now() - interval '1 day')
            >= coalesce((p_policy ->> 'sms_per_day')::integer, 1000) then 'namespace'
    end;
end
$$;
comment on function authn._sms_cap_reached(text, jsonb, boolean, text) is
    'Which cap keeps a message to this number from being sent: number (a day), country (an hour), namespace (a day), '
    'not_served (sms_countries); NULL when it may be sent. What is sent behind a first factor is counted apart.';

create or replace function authn._too_many_texts_from(p_ip inet, p_namespace text) returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    c_most constant integer := 20;  -- in 15 minutes; fewer than of mails, as each costs money
begin
    return (select count(*) from (
                select 1 from authn.verifications v
                 where v.namespace = p_namespace and v.prefix = authn._address_prefix(p_ip)
                   and v.purpose in ('sms', 'sms_set_up', 'sms_second_step')
                   and v.created_at > now() - interval '15 minutes' limit c_most) t) >= c_most;
end
$$;
comment on function authn._too_many_texts_from(inet, text) is
    'Whether the network of this address has asked for 20 text messages in the last quarter of an hour.';

create or replace function authn._send_text(
    p_wish jsonb, p_flow_id uuid, p_phone text, p_purpose text, p_cap text, p_actor jsonb, p_namespace text
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into authn.verifications
        (id, namespace, flow_id, email, purpose, outcome, code_digest, link_digest, ip_address, user_agent,
         code_expires_at, expires_at)
    values
        ((p_wish ->> 'verification_id')::uuid, p_namespace, p_flow_id, p_phone, p_purpose, 'sms',
         case when p_cap is null then p_wish ->> 'code_digest' else p_wish ->> 'impossible_digest' end,
         p_wish ->> 'link_digest', nullif(p_actor ->> 'ip_address', '')::inet, p_actor ->> 'user_agent',
         now() + make_interval(secs => (p_wish ->> 'code_expires_in')::double precision),
         now() + make_interval(secs => (p_wish ->> 'code_expires_in')::double precision));
    -- As many rows for every number, or the work would tell who has an account: what is held back counts for no cap,
    -- and its message is empty and done.
    insert into authn.sms_sent (namespace, phone, calling_code, behind_a_factor, sent_at)
    values (p_namespace, p_phone, authn._calling_code(p_phone), p_purpose = 'sms_second_step',
            case when p_cap is null then now() else '-infinity'::timestamptz end);
    if p_cap is null then
        perform authn._enqueue('sms', p_wish ->> 'message', p_namespace);
    else
        insert into authn.outbox (namespace, kind, payload, sent_at) values (p_namespace, 'none', '', now());
        perform pg_notify('portal_outbox', '');
    end if;
    perform authn._audit(
        case when p_cap is null then 'sms_code_sent' else 'sms_suppressed' end, 'phone', p_phone, null,
        case when p_cap is not null then jsonb_build_object('because', p_cap) end, p_namespace);
end
$$;
comment on function authn._send_text(jsonb, uuid, text, text, text, jsonb, text) is
    'Notes a code that was sent to a number and hands its message in; where a cap holds it back (p_cap), the same work is '
    'done, nothing leaves, and no code matches. p_wish: see begin_sms_login.';

create or replace function authn._phone_may_sign_up(p_namespace text) returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_policy jsonb := authn._policy(p_namespace);
begin
    -- A namespace that goes by the domain of an address, or by invited addresses, wants an address.
    return coalesce(v_policy ->> 'signup', 'open') = 'open' and not v_policy ? 'signup_domains';
end
$$;
comment on function authn._phone_may_sign_up(text) is 'Whether an account may be made for a number alone.';

create or replace function authn.begin_sms_login(p_wish jsonb, p_actor jsonb, p_namespace text default 'default')
returns table (outcome text, flow_id uuid, retry_after integer)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    c_resend_after constant interval := interval '30 seconds';
    v_outer text := authn._enter(p_namespace);
    v_phone text := authn._check_identity('phone', p_wish ->> 'phone');
    v_browser text := p_wish ->> 'browser_digest';
    v_last timestamptz;
    v_disabled boolean;
    v_cap text;
begin
    perform authn._apply_actor(p_actor);
    flow_id := (p_wish ->> 'flow_id')::uuid;
    retry_after := 0;
    -- One at a time in a namespace: forty posts at once must not each count before the others are seen.
    perform pg_advisory_xact_lock(hashtextextended('sms:' || p_namespace, 0));
    if authn._too_many_texts_from(nullif(p_actor ->> 'ip_address', '')::inet, p_namespace) then
        outcome := 'throttled';
        retry_after := 900;
    elsif flow_id is not null then
        select max(v.created_at) into v_last
          from authn.verifications v
         where v.flow_id = begin_sms_login.flow_id and v.email = v_phone and v.purpose = 'sms';
        if v_last > now() - c_resend_after then
            outcome := 'too_soon';
            retry_after := greatest(ceil(extract(epoch from v_last + c_resend_after - now()))::integer, 1);
        else
            update authn.login_flows f
               set purpose = 'login', email = v_phone, new_password_hash = null, new_name = null,
                   expires_at = greatest(
                       f.expires_at, now() + make_interval(secs => (p_wish ->> 'expires_in')::double precision))
             where f.id = begin_sms_login.flow_id and f.namespace = p_namespace and f.browser_digest = v_browser
               and f.finished_at is null and f.expires_at > now() and f.user_id is null;
            outcome := case when found then 'sent' else 'gone' end;
            update authn.verifications v
               set used_at = coalesce(v.used_at, now()), approved_at = null
             where v.flow_id = begin_sms_login.flow_id and begin_sms_login.outcome = 'sent';
        end if;
    else
        flow_id := authn.start_login_flow(p_wish || jsonb_build_object('purpose', 'login', 'email', v_phone), p_namespace);
        outcome := 'sent';
    end if;
    if outcome = 'sent' then
        select i.disabled_at is not null into v_disabled
          from authn.find_verified_identity('phone', v_phone, p_namespace) i;
        v_cap := case
            when v_disabled then 'disabled'
            when v_disabled is null and not authn._phone_may_sign_up(p_namespace) then 'no_account'
            else authn._sms_cap_reached(v_phone, authn._policy(p_namespace), false, p_namespace)
        end;
        perform authn._send_text(p_wish, flow_id, v_phone, 'sms', v_cap, p_actor, p_namespace);
    end if;
    return next;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.begin_sms_login(jsonb, jsonb, text) is
    'Notes that a number is to be proven and sends the sealed message, unless a cap is reached or nobody could log in with '
    'the number: then nothing leaves, the answer is the same, and the audit event sms_suppressed says why. p_wish: phone, '
    'flow_id or what starts a flow, browser_digest, verification_id, code_digest, impossible_digest, link_digest, '
    'code_expires_in, expires_in, message. Outcome: sent, too_soon or throttled (with retry_after), gone.';

create or replace function authn.try_sms_code(
    p_flow_id uuid, p_browser_digest text, p_verification_id uuid, p_code_digest text, p_actor jsonb,
    p_namespace text default 'default'
) returns table (outcome text, tries_left integer, user_id uuid, has_second_factor boolean)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_try record;
    v_disabled timestamptz;
begin
    perform authn._apply_actor(p_actor);
    select t.* into v_try
      from authn._try_code(p_flow_id, p_browser_digest, p_verification_id, p_code_digest, 'sms', p_namespace) t;
    outcome := v_try.outcome;
    tries_left := v_try.tries_left;
    has_second_factor := false;
    if outcome = 'right' then
        -- Asked again for a number that nobody has: the namespace may have closed its doors since the message left.
        if authn._phone_may_sign_up(p_namespace) or exists (
            select 1 from authn.find_verified_identity('phone', v_try.email, p_namespace)
        ) then
            select f.user_id, f.disabled_at into user_id, v_disabled
              from authn.find_or_create_phone_identity(v_try.email, p_namespace) f;
        end if;
        if v_disabled is not null then
            user_id := null;
        end if;
        has_second_factor := user_id is not null and authn._demands_second_step(user_id, p_namespace);
    end if;
    return next;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.try_sms_code(uuid, text, uuid, text, jsonb, text) is
    'Counts one try at a code. Outcome: right (with whose number it is: an account is made for a number that has none; NULL '
    'when nobody may log in with it), wrong (tries_left), dead. The right one is used up by complete_sms_login.';

create or replace function authn._use_text_code(p_login jsonb, p_proof jsonb, p_purpose text, p_namespace text) returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := (p_login ->> 'user_id')::uuid;
    v_flow_id uuid := (p_login ->> 'flow_id')::uuid;
    v_phone text;
begin
    -- The account, then the flow, then the proof: the one order of all logins (decision 0015).
    perform 1 from authn.users u where u.namespace = p_namespace and u.id = v_user_id for no key update;
    perform 1 from authn.login_flows f where f.namespace = p_namespace and f.id = v_flow_id for no key update;
    -- Check and use in one statement: of forty at once one gets the row. A flow that is somebody's already is nobody else's.
    update authn.verifications v
       set used_at = now()
      from authn.login_flows f
     where f.id = v.flow_id and f.id = v_flow_id and f.namespace = p_namespace
       and f.browser_digest = p_login ->> 'browser_digest' and coalesce(f.user_id, v_user_id) = v_user_id
       and f.finished_at is null and f.expires_at > now()
       and v.id = (p_proof ->> 'verification_id')::uuid and v.purpose = p_purpose and v.used_at is null
       and v.code_digest = p_proof ->> 'code_digest' and v.code_expires_at > now()
    returning v.email into v_phone;
    return v_phone;
end
$$;
comment on function authn._use_text_code(jsonb, jsonb, text, text) is
    'Uses up the code of a text message and returns the number that it was sent to; NULL where it does not hold for that flow, '
    'browser and user. Takes the locks of a login.';

create or replace function authn.complete_sms_login(
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
    v_phone text;
begin
    perform authn._apply_actor(p_actor);
    v_phone := authn._use_text_code(p_login, p_proof, 'sms', p_namespace);
    if v_phone is null or not exists (
        select 1 from authn.find_verified_identity('phone', v_phone, p_namespace) i
         where i.user_id = (p_login ->> 'user_id')::uuid and i.disabled_at is null
    ) then
        return query select * from authn._no_login('gone', (p_login ->> 'flow_id')::uuid);
    else
        return query select c.* from authn.complete_login(p_login, p_actor, p_namespace) c;
    end if;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.complete_sms_login(jsonb, jsonb, jsonb, text) is
    'complete_login with a code from a text message, which it uses up. p_proof: verification_id, code_digest. Outcome gone '
    'where the proof does not hold.';

create or replace function authn._cleanup_sms(p_namespace text, p_batch_size integer) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_deleted bigint;
begin
    delete from authn.sms_sent s
     where s.id = any (array(
               select o.id from authn.sms_sent o
                where o.namespace = p_namespace and o.sent_at < now() - interval '2 days'
                order by o.sent_at limit p_batch_size for update skip locked));
    get diagnostics v_deleted = row_count;
    return v_deleted;
end
$$;
comment on function authn._cleanup_sms(text, integer) is 'Deletes what no cap counts any more.';

revoke all on function authn._calling_code(text), authn._sms_cap_reached(text, jsonb, boolean, text),
    authn._too_many_texts_from(inet, text), authn._send_text(jsonb, uuid, text, text, text, jsonb, text),
    authn._phone_may_sign_up(text), authn._cleanup_sms(text, integer), authn._use_text_code(jsonb, jsonb, text, text),
    authn.begin_sms_login(jsonb, jsonb, text), authn.try_sms_code(uuid, text, uuid, text, jsonb, text),
    authn.complete_sms_login(jsonb, jsonb, jsonb, text) from public;
grant execute on function authn.begin_sms_login(jsonb, jsonb, text),
    authn.try_sms_code(uuid, text, uuid, text, jsonb, text),
    authn.complete_sms_login(jsonb, jsonb, jsonb, text) to portal_app;
