-- The owner unlocks from the mailbox: when strangers have used up a day's tries at an address, its owner gets a link that
-- gives the browser it is opened in tries of its own. Nobody else gets any.

create or replace function authn.begin_unlock(p_wish jsonb, p_actor jsonb, p_namespace text default 'default')
returns table (outcome text, flow_id uuid)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    c_mails_an_hour constant integer := 3;  -- each link lives an hour: the owner has one, whoever asked for it
    v_outer text := authn._enter(p_namespace);
    v_email text := authn._check_email(p_wish ->> 'email');
    v_ip inet := nullif(p_actor ->> 'ip_address', '')::inet;
    v_kind text;
begin
    perform authn._apply_actor(p_actor);
    flow_id := (p_wish ->> 'flow_id')::uuid;
    outcome := 'sent';
    perform pg_advisory_xact_lock(hashtextextended('mailed proof:' || p_namespace || ':' || v_email, 0));
    if (select count(*) from authn.verifications v
         where v.namespace = p_namespace and v.email = v_email and v.purpose = 'unlock'
           and v.created_at > now() - interval '1 hour') >= c_mails_an_hour then
        perform authn._count_refusal('mail_suppressed', 'unlock_mail', 1, v_ip, p_namespace);
        return next;
        perform authn._leave(v_outer);
        return;
    end if;
    if flow_id is null then
        flow_id := authn.start_login_flow(
            p_wish || jsonb_build_object('purpose', 'login', 'email', v_email), p_namespace);
    else
        update authn.login_flows f
           set email = v_email
         where f.id = begin_unlock.flow_id and f.namespace = p_namespace
           and f.browser_digest = p_wish ->> 'browser_digest'
           and f.finished_at is null and f.expires_at > now() and f.user_id is null;
        if not found then
            outcome := 'gone';
            return next;
            perform authn._leave(v_outer);
            return;
        end if;
    end if;
    select case when u.disabled_at is null then 'unlock' else 'login_disabled' end into v_kind
      from authn.users u where u.namespace = p_namespace and u.email = v_email;
    v_kind := coalesce(v_kind, 'login_not_possible');
    insert into authn.verifications
        (id, namespace, flow_id, email, purpose, outcome, code_digest, link_digest, ip_address, user_agent,
         code_expires_at, expires_at)
    values
        ((p_wish ->> 'verification_id')::uuid, p_namespace, flow_id, v_email, 'unlock', v_kind,
         p_wish ->> 'impossible_digest', p_wish ->> 'link_digest', v_ip, p_actor ->> 'user_agent', now(),
         now() + make_interval(secs => (p_wish ->> 'link_expires_in')::double precision));
    perform authn._enqueue('mail', case v_kind
        when 'unlock' then p_wish ->> 'mail_unlock'
        when 'login_disabled' then p_wish ->> 'mail_disabled'
        else p_wish ->> 'mail_other' end, p_namespace);
    perform authn._audit('login_unlock_requested', 'email', v_email, null, null, p_namespace);
    return next;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.begin_unlock(jsonb, jsonb, text) is
    'Mails the link that unlocks the browser it is opened in, at most 3 times an hour to one address; the answer is the same '
    'for every address and however many went before. p_wish: flow_id or what starts a flow, email, browser_digest, '
    'verification_id, impossible_digest, link_digest, link_expires_in, expires_in (seconds), mail_unlock, mail_disabled and '
    'mail_other (sealed). Outcome: sent (flow_id NULL where no flow was needed), gone.';

create or replace function authn.use_unlock_link(
    p_link_digest text, p_browser_digest text, p_elsewhere jsonb, p_actor jsonb, p_namespace text default 'default'
) returns uuid
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    c_valid_for constant interval := interval '1 hour';  -- to find the right password, not to stay
    v_outer text := authn._enter(p_namespace);
    v_proof authn.verifications;
    v_user_id uuid;
    v_flow_id uuid;
begin
    perform authn._apply_actor(p_actor);
    v_proof := authn._take_link(p_link_digest, array['unlock'], p_namespace);
    select u.id into v_user_id
      from authn.users u
     where u.namespace = p_namespace and u.email = v_proof.email and u.disabled_at is null;
    if v_user_id is not null then
        insert into authn.login_unlocks (namespace, user_id, browser_digest, expires_at)
        values (p_namespace, v_user_id, p_browser_digest, now() + c_valid_for)
        on conflict (namespace, user_id, browser_digest) do update set expires_at = excluded.expires_at;
        -- Only where it was opened: who asked may have been the stranger, and gets no try out of the owner's press.
        v_flow_id := authn._lead_on(v_proof, p_browser_digest, 'login', p_elsewhere, p_namespace);
        perform authn._audit('login_unlocked', 'user', v_user_id::text, null, null, p_namespace);
    end if;
    perform authn._leave(v_outer);
    return v_flow_id;
end
$$;
comment on function authn.use_unlock_link(text, text, jsonb, jsonb, text) is
    'Uses an unlock link: for an hour this browser has tries of its own at the account, 10 in 15 minutes. Returns the flow '
    'that goes on: the one that asked, in its own browser, else a fresh one (p_elsewhere, see _lead_on); NULL when the link '
    'no longer works.';

create or replace function authn.unlock_login(p_user_id uuid, p_actor jsonb, p_namespace text default 'default')
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_email text;
    v_failures integer;
    v_second_steps integer;
begin
    perform authn._apply_actor(p_actor);
    select u.email into v_email from authn.users u where u.id = p_user_id and u.namespace = p_namespace;
    if not found then
        perform authn._leave(v_outer);
        return null;
    end if;
    -- What is counted against new tries, and no more: the audit log keeps its events.
    delete from authn.login_attempts a
     where a.namespace = p_namespace and a.email = v_email and not a.success and a.attempted_at > now() - interval '1 day';
    get diagnostics v_failures = row_count;
    delete from authn.second_step_attempts a
     where a.namespace = p_namespace and a.user_id = p_user_id and not a.success;
    get diagnostics v_second_steps = row_count;
    perform authn._audit(
        'login_unlocked', 'user', p_user_id::text, null,
        jsonb_build_object('failures', v_failures, 'second_steps', v_second_steps), p_namespace);
    perform authn._leave(v_outer);
    return v_failures + v_second_steps;
end
$$;
comment on function authn.unlock_login(uuid, jsonb, text) is
    'What an operator does for somebody whom strangers have locked out, or who mistyped too often: the failed tries of the last '
    'day at passwords and second steps are counted no more. Budgets of a network stay. Returns how many there were; NULL for an unknown user.';

revoke all on function authn.begin_unlock(jsonb, jsonb, text), authn.use_unlock_link(text, text, jsonb, jsonb, text),
    authn.unlock_login(uuid, jsonb, text)
    from public;
grant execute on function authn.begin_unlock(jsonb, jsonb, text), authn.use_unlock_link(text, text, jsonb, jsonb, text),
    authn.unlock_login(uuid, jsonb, text)
    to portal_app;
