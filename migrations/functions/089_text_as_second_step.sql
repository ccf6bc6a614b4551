-- A text message as the second step: to one number, proven when it was enrolled. Weaker than an app (NIST SP 800-63B-4
-- 3.1.3.3 calls it restricted), so a namespace can leave the method sms_second_step out of its policy.

create or replace function authn.get_second_step_phones(
    p_flow_id uuid, p_browser_digest text, p_namespace text default 'default'
) returns table (enrolled text, sent_to text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
begin
    return query
        select (select m.secret from authn.mfa_secrets m
                 where m.namespace = p_namespace and m.user_id = f.user_id and m.mfa_type = 'sms'
                   and jsonb_array_length(f.factors) > 0),
               (select v.email from authn.verifications v
                 where v.flow_id = f.id and v.purpose in ('sms_set_up', 'sms_second_step')
                 order by v.created_at desc limit 1)
          from authn.login_flows f
         where f.id = p_flow_id and f.namespace = p_namespace and f.browser_digest = p_browser_digest
           and f.finished_at is null and f.expires_at > now();
    perform authn._leave(v_outer);
end
$$;
comment on function authn.get_second_step_phones(uuid, text, text) is
    'For this browser''s flow: the number that a second step would go to, once a first factor is proven, and the number that '
    'its newest message went to.';

create or replace function authn.send_second_step_text(p_wish jsonb, p_actor jsonb, p_namespace text default 'default')
returns table (outcome text, flow_id uuid, retry_after integer)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    c_resend_after constant interval := interval '30 seconds';
    v_outer text := authn._enter(p_namespace);
    v_purpose text := p_wish ->> 'purpose';
    v_phone text := authn._check_identity('phone', p_wish ->> 'phone');
    v_browser text := p_wish ->> 'browser_digest';
    v_flow authn.login_flows;
    v_last timestamptz;
    v_cap text;
begin
    perform authn._apply_actor(p_actor);
    flow_id := coalesce(
        (p_wish ->> 'flow_id')::uuid, authn.start_login_flow(p_wish || '{"purpose": "login"}', p_namespace));
    retry_after := 0;
    outcome := 'gone';
    -- The same line as begin_sms_login: messages of a namespace are counted one after the other.
    perform pg_advisory_xact_lock(hashtextextended('sms:' || p_namespace, 0));
    select f.* into v_flow
      from authn.login_flows f
      join authn.users u on u.id = f.user_id and u.namespace = f.namespace
     where f.id = send_second_step_text.flow_id and f.namespace = p_namespace and f.browser_digest = v_browser
       and f.finished_at is null and f.expires_at > now() and u.disabled_at is null;
    if found and coalesce(authn._policy(p_namespace) -> 'methods' ? 'sms_second_step', true) and (case
           when v_purpose = 'sms_second_step' then jsonb_array_length(v_flow.factors) > 0 and exists (
               select 1 from authn.mfa_secrets m
                where m.namespace = p_namespace and m.user_id = v_flow.user_id and m.mfa_type = 'sms'
                  and m.secret = v_phone)
           -- From the account's own pages, whose session the caller has checked; else inside a login.
           when p_wish ->> 'user_id' is not null then v_flow.user_id = (p_wish ->> 'user_id')::uuid
           else authn.may_set_up_in_login(v_flow.id, v_browser, p_namespace) = 'yes'
       end) then
        select max(v.created_at) into v_last
          from authn.verifications v
         where v.flow_id = v_flow.id and v.purpose = v_purpose and v.email = v_phone;
        v_cap := authn._sms_cap_reached(
            v_phone, authn._policy(p_namespace), v_purpose = 'sms_second_step', p_namespace);
        if authn._too_many_texts_from(nullif(p_actor ->> 'ip_address', '')::inet, p_namespace) then
            outcome := 'throttled';
            retry_after := 900;
        elsif v_last > now() - c_resend_after then
            outcome := 'too_soon';
            retry_after := greatest(ceil(extract(epoch from v_last + c_resend_after - now()))::integer, 1);
        elsif v_cap is not null then
            -- Said openly, unlike at a login's first step: who asks has proven something, or owns the account.
            outcome := 'capped';
            perform authn._audit(
                'sms_suppressed', 'phone', v_phone, null, jsonb_build_object('because', v_cap), p_namespace);
        else
            update authn.verifications v
               set used_at = now()
             where v.flow_id = v_flow.id and v.purpose = v_purpose and v.used_at is null;
            perform authn._send_text(p_wish, v_flow.id, v_phone, v_purpose, null, p_actor, p_namespace);
            outcome := 'sent';
        end if;
    end if;
    return next;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.send_second_step_text(jsonb, jsonb, text) is
    'Sends a code to the number of the account (purpose sms_second_step), or to a number that is to become it (sms_set_up: '
    'from the account''s pages with the user_id of the session, else where may_set_up_in_login says yes). Other fields of '
    'p_wish: as for begin_sms_login. Outcome: sent, too_soon or throttled (retry_after in seconds), capped, gone.';

create or replace function authn.complete_sms_second_step(
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
    v_phone text;
    v_mfa_id uuid;
begin
    perform authn._apply_actor(p_actor);
    v_phone := authn._use_text_code(p_login, p_proof, 'sms_second_step', p_namespace);
    -- The number must still be the account's own: another one may have taken its place since the message left.
    update authn.mfa_secrets m
       set last_used_at = now()
     where m.namespace = p_namespace and m.user_id = v_user_id and m.mfa_type = 'sms'
       and m.secret = v_phone
    returning m.id into v_mfa_id;
    if not found then
        perform authn._leave(v_outer);
        return query select * from authn._no_login('used', (p_login ->> 'flow_id')::uuid);
        return;
    end if;
    perform authn._confirm_second_step((p_proof ->> 'attempt_id')::bigint, v_mfa_id, v_user_id, 'sms', p_namespace);
    return query select c.* from authn.complete_login(p_login, p_actor, p_namespace) c;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.complete_sms_second_step(jsonb, jsonb, jsonb, text) is
    'complete_login with a code from a text message to the account''s own number, which it uses up. p_proof: '
    'verification_id, code_digest, attempt_id. Outcome used: the code is wrong, old, or was used.';

create or replace function authn.try_set_up_code(
    p_flow_id uuid, p_browser_digest text, p_proof jsonb, p_actor jsonb, p_namespace text default 'default'
) returns table (outcome text, tries_left integer)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
begin
    perform authn._apply_actor(p_actor);
    return query
        select t.outcome, t.tries_left
          from authn._try_code(p_flow_id, p_browser_digest, (p_proof ->> 'verification_id')::uuid,
                               p_proof ->> 'code_digest', 'sms_set_up', p_namespace) t;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.try_set_up_code(uuid, text, jsonb, jsonb, text) is
    'Counts one try at the code that proves a number which is to become the second step. p_proof: verification_id, '
    'code_digest. Outcome: right, wrong (tries_left), dead. enrol_phone or complete_phone_set_up use the right one up.';

create or replace function authn.enrol_phone(
    p_login jsonb, p_proof jsonb, p_session_id uuid, p_mail text, p_actor jsonb, p_namespace text default 'default'
) returns text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_user_id uuid := (p_login ->> 'user_id')::uuid;
    v_phone text;
    v_outcome text;
begin
    perform authn._apply_actor(p_actor);
    perform authn._lock_enabled_user(v_user_id, p_namespace);
    if not authn._has_way_in_beside_phones(v_user_id, p_namespace) then
        v_outcome := 'only_phone';
    else
        v_phone := authn._use_text_code(p_login, p_proof, 'sms_set_up', p_namespace);
        if v_phone is null then
            v_outcome := 'gone';
        else
            select e.outcome into v_outcome
              from authn.enrol_authenticator(
                  v_user_id, p_session_id,
                  jsonb_build_object('mfa_type', 'sms', 'secret', v_phone, 'second_step', true, 'only_one', true, 'mail', p_mail),
                  p_actor, p_namespace) e;
            update authn.login_flows f
               set finished_at = now()
             where f.id = (p_login ->> 'flow_id')::uuid and f.namespace = p_namespace;
        end if;
    end if;
    perform authn._leave(v_outer);
    return v_outcome;
end
$$;
comment on function authn.enrol_phone(jsonb, jsonb, uuid, text, jsonb, text) is
    'Makes a proven number the second step of the person of this session, in the place of an older one, and tells them by '
    'mail (sealed). p_login: flow_id, browser_digest, user_id; p_proof: verification_id, code_digest. Outcome: enrolled, '
    'login_not_recent, only_phone (they log in by text message alone), gone (the code does not hold).';

create or replace function authn._has_way_in_beside_phones(p_user_id uuid, p_namespace text) returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return authn._ways_in(
        p_user_id, coalesce(authn._policy(p_namespace) -> 'methods' ? 'email_code', true), false, p_namespace) > 0;
end
$$;
comment on function authn._has_way_in_beside_phones(uuid, text) is
    'Whether a person can begin a login otherwise than by a text message; else one could not stand second to anything.';

create or replace function authn.complete_phone_set_up(
    p_login jsonb, p_proof jsonb, p_mail text, p_actor jsonb, p_namespace text default 'default'
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
    v_phone := authn._use_text_code(p_login, p_proof, 'sms_set_up', p_namespace);
    if v_phone is null or not authn._has_way_in_beside_phones((p_login ->> 'user_id')::uuid, p_namespace) then
        perform authn._leave(v_outer);
        return query select * from authn._no_login('gone', (p_login ->> 'flow_id')::uuid);
        return;
    end if;
    return query
        select c.*
          from authn.complete_set_up_login(
              p_login, jsonb_build_object('mfa_type', 'sms', 'secret', v_phone, 'mail', p_mail), p_actor, p_namespace) c;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.complete_phone_set_up(jsonb, jsonb, text, jsonb, text) is
    'complete_set_up_login with a number that a code has just proven, which it uses up. p_proof: verification_id, '
    'code_digest; p_mail: sealed, to the owner. Outcome gone where the proof or may_set_up_in_login does not hold.';

revoke all on function authn._has_way_in_beside_phones(uuid, text),
    authn.get_second_step_phones(uuid, text, text), authn.send_second_step_text(jsonb, jsonb, text),
    authn.complete_sms_second_step(jsonb, jsonb, jsonb, text), authn.try_set_up_code(uuid, text, jsonb, jsonb, text),
    authn.enrol_phone(jsonb, jsonb, uuid, text, jsonb, text),
    authn.complete_phone_set_up(jsonb, jsonb, text, jsonb, text) from public;
grant execute on function authn.get_second_step_phones(uuid, text, text),
    authn.send_second_step_text(jsonb, jsonb, text),
    authn.complete_sms_second_step(jsonb, jsonb, jsonb, text), authn.try_set_up_code(uuid, text, jsonb, jsonb, text),
    authn.enrol_phone(jsonb, jsonb, uuid, text, jsonb, text),
    authn.complete_phone_set_up(jsonb, jsonb, text, jsonb, text) to portal_app;
