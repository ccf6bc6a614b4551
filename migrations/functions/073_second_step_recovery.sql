-- Everything lost: a second step is taken off after three days in which every proven mailbox of the account can say no.

create or replace function authn.find_lost_second_step(
    p_flow_id uuid, p_browser_digest text, p_namespace text default 'default'
) returns table (user_id uuid, email text, addresses text[], opens_at timestamptz)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
begin
    return query
        select u.id, u.email,
               array(select i.value from authn.identities i
                      where i.namespace = p_namespace and i.user_id = u.id and i.kind = 'email'
                        and i.verified_at is not null
                      order by (i.value = u.email) desc, i.created_at),
               (select r.opens_at from authn.second_step_recoveries r
                 where r.namespace = p_namespace and r.user_id = u.id and r.stopped_at is null and r.finished_at is null
                   and r.expires_at > now())
          from authn.login_flows f
          join authn.users u on u.id = f.user_id and u.namespace = f.namespace
         where f.id = p_flow_id and f.namespace = p_namespace and f.browser_digest = p_browser_digest
           and f.finished_at is null and f.expires_at > now() and jsonb_array_length(f.factors) > 0
           and u.disabled_at is null;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.find_lost_second_step(uuid, text, text) is
    'Whose second step this browser''s flow waits for: the proven addresses, the account''s own first, and when a wish to '
    'take it off opens, if there is one. No row for a flow that is not at that step.';

create or replace function authn.begin_second_step_recovery(
    p_flow_id uuid, p_browser_digest text, p_wish jsonb, p_actor jsonb, p_namespace text default 'default'
) returns text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    c_again_after constant interval := interval '7 days';  -- somebody said no: whoever asks again has to wait
    v_outer text := authn._enter(p_namespace);
    v_lost record;
    v_outcome text := 'begun';
begin
    perform authn._apply_actor(p_actor);
    select l.* into v_lost from authn.find_lost_second_step(p_flow_id, p_browser_digest, p_namespace) l;
    if not found then
        perform authn._leave(v_outer);
        return 'gone';
    end if;
    -- One wish at a time: of two at once the second sees the first.
    perform authn._lock_enabled_user(v_lost.user_id, p_namespace);
    if v_lost.addresses = '{}' then
        v_outcome := 'no_mailbox';
    elsif exists (
        select 1 from authn.second_step_recoveries r
         where r.namespace = p_namespace and r.user_id = v_lost.user_id
           and r.stopped_at is null and r.finished_at is null and r.expires_at > now()
    ) then
        v_outcome := 'waiting';
    elsif exists (
        select 1 from authn.second_step_recoveries r
         where r.namespace = p_namespace and r.user_id = v_lost.user_id and r.stopped_at > now() - c_again_after
    ) then
        v_outcome := 'stopped';
    else
        insert into authn.second_step_recoveries
            (namespace, user_id, finish_digest, stop_digest, reminders, opens_at, expires_at, ip_address, user_agent)
        values
            (p_namespace, v_lost.user_id, p_wish ->> 'finish_digest', p_wish ->> 'stop_digest',
             array(select jsonb_array_elements_text(p_wish -> 'reminders')),
             now() + make_interval(secs => (p_wish ->> 'opens_in')::double precision),
             now() + make_interval(secs => (p_wish ->> 'expires_in')::double precision),
             nullif(p_actor ->> 'ip_address', '')::inet, p_actor ->> 'user_agent');
        perform authn._enqueue('mail', m, p_namespace) from jsonb_array_elements_text(p_wish -> 'mails') m;
        perform authn._audit(
            'second_step_recovery_begun', 'user', v_lost.user_id::text, null, null, p_namespace);
    end if;
    perform authn._leave(v_outer);
    return v_outcome;
end
$$;
comment on function authn.begin_second_step_recovery(uuid, text, jsonb, jsonb, text) is
    'Notes the wish to take the second step off and tells every proven address. p_wish: finish_digest, stop_digest, opens_in '
    'and expires_in (seconds), mails and reminders (sealed). Outcome: begun, waiting (there is one), stopped (in the last '
    'seven days the owner said no), no_mailbox (nothing proven to mail to), gone (the flow cannot go on).';

create or replace function authn.find_second_step_recovery(p_digest text, p_namespace text default 'default')
returns table (
    kind text, state text, user_id uuid, email text, addresses text[], requested_at timestamptz, opens_at timestamptz,
    ip_address inet, user_agent text
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
begin
    return query
        select case when r.finish_digest = p_digest then 'finish' else 'stop' end,
               case when r.stopped_at is not null then 'stopped'
                    when r.finished_at is not null or r.expires_at <= now() then 'over'
                    when r.opens_at > now() then 'waiting' else 'open' end,
               u.id, u.email,
               array(select i.value from authn.identities i
                      where i.namespace = p_namespace and i.user_id = u.id and i.kind = 'email'
                        and i.verified_at is not null),
               r.requested_at, r.opens_at, r.ip_address, r.user_agent
          from authn.second_step_recoveries r
          join authn.users u on u.id = r.user_id and u.namespace = r.namespace
         where r.namespace = p_namespace and (r.finish_digest = p_digest or r.stop_digest = p_digest)
           and u.disabled_at is null;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.find_second_step_recovery(text, text) is
    'What a link of such a mail is for, changing nothing. kind: finish, stop; state: waiting, open, stopped, over.';

create or replace function authn.stop_second_step_recovery(
    p_stop_digest text, p_actor jsonb, p_namespace text default 'default'
) returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_user_id uuid;
begin
    perform authn._apply_actor(p_actor);
    update authn.second_step_recoveries r
       set stopped_at = now(), reminders = '{}'
     where r.namespace = p_namespace and r.stop_digest = p_stop_digest
       and r.stopped_at is null and r.finished_at is null and r.expires_at > now()
    returning r.user_id into v_user_id;
    if v_user_id is not null then
        perform authn._audit('second_step_recovery_stopped', 'user', v_user_id::text, null, null, p_namespace);
    end if;
    perform authn._leave(v_outer);
    return v_user_id is not null;
end
$$;
comment on function authn.stop_second_step_recovery(text, jsonb, text) is
    'Ends the wish: what anybody who reads one of the account''s mailboxes can do with one press. False: it was over.';

create or replace function authn.finish_second_step_recovery(
    p_finish_digest text, p_mails jsonb, p_actor jsonb, p_namespace text default 'default'
) returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_user_id uuid;
begin
    perform authn._apply_actor(p_actor);
    -- The account before what belongs to it, see _lock_login. Then check and use in one statement.
    perform 1
      from authn.users u
     where u.namespace = p_namespace
       and u.id = (select r.user_id from authn.second_step_recoveries r
                    where r.namespace = p_namespace and r.finish_digest = p_finish_digest)
       for no key update;
    update authn.second_step_recoveries r
       set finished_at = now(), reminders = '{}'
     where r.namespace = p_namespace and r.finish_digest = p_finish_digest
       and r.stopped_at is null and r.finished_at is null and r.opens_at <= now() and r.expires_at > now()
    returning r.user_id into v_user_id;
    if v_user_id is not null then
        perform authn.reset_mfa(v_user_id, null, p_actor, p_namespace);
        perform authn._enqueue('mail', m, p_namespace) from jsonb_array_elements_text(p_mails) m;
        perform authn._audit('second_step_recovery_finished', 'user', v_user_id::text, null, null, p_namespace);
    end if;
    perform authn._leave(v_outer);
    return v_user_id is not null;
end
$$;
comment on function authn.finish_second_step_recovery(text, jsonb, jsonb, text) is
    'Takes the second step off once the three days are over (see reset_mfa) and tells every proven address (p_mails, '
    'sealed). False: too early, stopped, used or expired.';

create or replace function authn._remind_of_recoveries(p_namespace text) returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    c_before constant interval := interval '1 day';
    v_outer text := authn._enter(p_namespace);
    v_due record;
    v_reminded bigint := 0;
begin
    for v_due in
        select r.id, r.reminders
          from authn.second_step_recoveries r
         where r.namespace = p_namespace and r.reminded_at is null and r.stopped_at is null and r.finished_at is null
           and r.opens_at <= now() + c_before and r.expires_at > now()
         order by r.opens_at limit 100 for update skip locked
    loop
        perform authn._enqueue('mail', m, p_namespace) from unnest(v_due.reminders) m;
        update authn.second_step_recoveries r set reminded_at = now(), reminders = '{}' where r.id = v_due.id;
        v_reminded := v_reminded + 1;
    end loop;
    perform authn._leave(v_outer);
    return v_reminded;
end
$$;
comment on function authn._remind_of_recoveries(text) is
    'Mails one tenant''s people a day before their second step can be taken off. Returns how many were due.';

create or replace function authn.remind_of_second_step_recoveries() returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_namespace text;
    v_reminded bigint := 0;
begin
    for v_namespace in select n from authn._known_namespaces() n loop
        v_reminded := v_reminded + authn._remind_of_recoveries(v_namespace);
    end loop;
    return v_reminded;
end
$$;
comment on function authn.remind_of_second_step_recoveries() is
    'Sends the reminders of every tenant that are due. Crosses tenants on purpose: the worker calls it, for nobody in '
    'particular. Returns how many wishes were reminded of.';

create or replace function authn._cleanup_second_step_recoveries(p_namespace text, p_batch_size integer) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_deleted bigint;
begin
    delete from authn.second_step_recoveries s
     where s.id = any (array(
               select r.id from authn.second_step_recoveries r
                where r.namespace = p_namespace and r.expires_at < now() - interval '7 days'
                order by r.expires_at limit p_batch_size for update skip locked));
    get diagnostics v_deleted = row_count;
    return v_deleted;
end
$$;
comment on function authn._cleanup_second_step_recoveries(text, integer) is
    'Deletes wishes to take a second step off a week after their end; the audit log keeps that they were.';

revoke all on function authn.find_lost_second_step(uuid, text, text),
    authn.begin_second_step_recovery(uuid, text, jsonb, jsonb, text), authn.find_second_step_recovery(text, text),
    authn.stop_second_step_recovery(text, jsonb, text), authn.finish_second_step_recovery(text, jsonb, jsonb, text),
    authn._remind_of_recoveries(text), authn.remind_of_second_step_recoveries(),
    authn._cleanup_second_step_recoveries(text, integer) from public;
grant execute on function authn.find_lost_second_step(uuid, text, text),
    authn.begin_second_step_recovery(uuid, text, jsonb, jsonb, text), authn.find_second_step_recovery(text, text),
    authn.stop_second_step_recovery(text, jsonb, text), authn.finish_second_step_recovery(text, jsonb, jsonb, text),
    authn.remind_of_second_step_recoveries() to portal_app;
grant execute on function authn._remind_of_recoveries(text) to portal_system;

-- Last, for the owner may no longer touch a function that it has handed over.
alter function authn.remind_of_second_step_recoveries() owner to portal_system;
