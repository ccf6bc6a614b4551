-- Enrolling and removing what one logs in with. Whether the login is recent, and whether something is the last way in, is
-- decided here, under the lock of the account: two removals at once see each other.

create or replace function authn._login_is_recent(p_session_id uuid, p_user_id uuid, p_namespace text) returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    c_recent_login constant interval := interval '10 minutes';
begin
    return exists (
        select 1
          from authn.sessions s
         where s.id = p_session_id and s.namespace = p_namespace and s.user_id = p_user_id and s.revoked_at is null
           and s.expires_at > now() and s.auth_time > now() - c_recent_login);
end
$$;
comment on function authn._login_is_recent(uuid, uuid, text) is
    'Whether this live session of the user proved who they are in the last 10 minutes: what sensitive changes ask for.';

create or replace function authn._check_authenticator(p_authenticator jsonb) returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    perform authn._check_text(p_authenticator ->> 'mfa_type', 'mfa_type', 100);
    perform authn._check_text(p_authenticator ->> 'secret', 'secret', 65536);
    perform authn._check_label(p_authenticator ->> 'name', 'name');
end
$$;
comment on function authn._check_authenticator(jsonb) is 'Raises 22023 unless type, secret and name can be stored.';
revoke all on function authn._check_authenticator(jsonb) from public;

create or replace function authn._add_authenticator(p_user_id uuid, p_authenticator jsonb, p_namespace text) returns uuid
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_mfa_id uuid;
begin
    insert into authn.mfa_secrets (namespace, user_id, mfa_type, secret, name, second_step, way_in, last_step)
    values (p_namespace, p_user_id, p_authenticator ->> 'mfa_type', p_authenticator ->> 'secret',
            p_authenticator ->> 'name', coalesce((p_authenticator ->> 'second_step')::boolean, false),
            coalesce((p_authenticator ->> 'way_in')::boolean, false), (p_authenticator ->> 'last_step')::bigint)
    returning id into v_mfa_id;
    if p_authenticator ->> 'mail' is not null then
        perform authn._enqueue('mail', p_authenticator ->> 'mail', p_namespace);
    end if;
    perform authn._audit(
        'mfa_added', 'mfa', v_mfa_id::text, null,
        jsonb_build_object('user_id', p_user_id, 'mfa_type', p_authenticator ->> 'mfa_type'), p_namespace);
    return v_mfa_id;
end
$$;
comment on function authn._add_authenticator(uuid, jsonb, text) is
    'Stores an authenticator that its caller has checked, tells the owner and writes the event. p_authenticator: see '
    'enrol_authenticator.';
revoke all on function authn._add_authenticator(uuid, jsonb, text) from public;

create or replace function authn._set_up_is_new(p_authenticator jsonb, p_namespace text) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_authenticator ->> 'set_up_digest' is null then
        return true;
    end if;
    -- A page that sets an app up can be sent again. A second authenticator with the same secret would accept a code that
    -- the first one has used. Kept longer than such a page lives.
    insert into authn.spent_challenges (namespace, digest, waited, expires_at)
    values (p_namespace, p_authenticator ->> 'set_up_digest', false, now() + interval '2 hours')
    on conflict do nothing;
    return found;
end
$$;
comment on function authn._set_up_is_new(jsonb, text) is
    'Uses up the secret that a page offered to set up (set_up_digest). False for one that was set up before, by this page or '
    'another copy of it.';
revoke all on function authn._set_up_is_new(jsonb, text) from public;

create or replace function authn.enrol_authenticator(
    p_user_id uuid, p_session_id uuid, p_authenticator jsonb, p_actor jsonb, p_namespace text default 'default'
) returns table (outcome text, mfa_id uuid)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    c_most constant integer := 50;  -- of one type; a person has a handful
    v_outer text := authn._enter(p_namespace);
    v_former boolean := false;
begin
    perform authn._apply_actor(p_actor);
    perform authn._check_authenticator(p_authenticator);
    perform authn._lock_enabled_user(p_user_id, p_namespace);
    outcome := 'enrolled';
    if not authn._login_is_recent(p_session_id, p_user_id, p_namespace) then
        outcome := 'login_not_recent';
    elsif c_most <= (
        select count(*)
          from authn.mfa_secrets m
         where m.namespace = p_namespace and m.user_id = p_user_id and m.mfa_type = p_authenticator ->> 'mfa_type'
    ) then
        outcome := 'too_many';
    elsif not authn._set_up_is_new(p_authenticator, p_namespace) then
        outcome := 'used';
    else
        if coalesce((p_authenticator ->> 'only_one')::boolean, false) then
            delete from authn.mfa_secrets m
             where m.namespace = p_namespace and m.user_id = p_user_id and m.mfa_type = p_authenticator ->> 'mfa_type';
            v_former := found;
        end if;
        mfa_id := authn._add_authenticator(p_user_id, p_authenticator, p_namespace);
        -- A further way in takes nothing from the others. What a login asks for from now on, or what takes the place of
        -- something that others may know, does.
        if v_former or coalesce((p_authenticator ->> 'second_step')::boolean, false) then
            perform authn._end_former_access(p_user_id, p_session_id, p_namespace);
        end if;
    end if;
    return next;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.enrol_authenticator(uuid, uuid, jsonb, jsonb, text) is
    'Enrols an authenticator for the person of this session and tells them by mail. p_authenticator: mfa_type, secret '
    '(sealed), set_up_digest (of the bare secret, which is set up once), name, second_step, way_in (a login can begin with it), last_step, mail (sealed), only_one (it takes the place '
    'of what there was of its type). With second_step, or in the place of another, it ends what came in by less (see '
    '_end_former_access). Outcome: enrolled, login_not_recent, too_many (50 of a type), used (that secret was set up before).';

create or replace function authn.rename_authenticator(
    p_user_id uuid, p_mfa_id uuid, p_name text, p_actor jsonb, p_namespace text default 'default'
) returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_old text;
    v_found boolean;
begin
    perform authn._apply_actor(p_actor);
    perform authn._check_label(p_name, 'name');
    select m.name into v_old
      from authn.mfa_secrets m
     where m.id = p_mfa_id and m.namespace = p_namespace and m.user_id = p_user_id
       for no key update;
    v_found := found;
    if v_found and v_old is distinct from p_name then
        update authn.mfa_secrets m set name = p_name where m.id = p_mfa_id and m.namespace = p_namespace;
        perform authn._audit(
            'mfa_renamed', 'mfa', p_mfa_id::text, jsonb_build_object('name', v_old), jsonb_build_object('name', p_name),
            p_namespace);
    end if;
    perform authn._leave(v_outer);
    return v_found;
end
$$;
comment on function authn.rename_authenticator(uuid, uuid, text, jsonb, text) is
    'Gives an authenticator the name that its owner knows it by. False for one that is not theirs.';

create or replace function authn._ways_in(
    p_user_id uuid, p_by_mail boolean, p_by_text boolean, p_namespace text
) returns bigint
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (select count(*) from authn.users u
             where u.id = p_user_id and u.namespace = p_namespace and u.password_hash is not null)
        + (select count(*) from authn.mfa_secrets m
            where m.namespace = p_namespace and m.user_id = p_user_id
              and (m.way_in or m.credential_id is not null))
        + (select count(*) from authn.federated_identities f
            where f.namespace = p_namespace and f.user_id = p_user_id)
        + (select count(*) from authn.identities i
            where i.namespace = p_namespace and i.user_id = p_user_id and i.verified_at is not null
              and (p_by_mail or i.kind <> 'email') and (p_by_text or i.kind <> 'phone'));
end
$$;
comment on function authn._ways_in(uuid, boolean, boolean, text) is
    'How many ways a person has to begin a login: password, passkeys and other authenticators that are one, linked providers, '
    'and of what is proven, addresses (p_by_mail) and numbers (p_by_text) where one can log in by them.';

create or replace function authn.list_ways_in(p_user_id uuid, p_namespace text default 'default') returns text[]
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_ways text[];
begin
    perform authn._require(p_user_id is not null, 'user_id');
    v_ways := array(
        select 'password' from authn.users u
         where u.id = p_user_id and u.namespace = p_namespace and u.password_hash is not null
        union
        select i.kind from authn.identities i
         where i.namespace = p_namespace and i.user_id = p_user_id and i.verified_at is not null
        union
        -- A passkey that the browser made by itself proves nobody until it was used with user verification.
        select m.mfa_type from authn.mfa_secrets m
         where m.namespace = p_namespace and m.user_id = p_user_id and not m.upgraded);
    perform authn._leave(v_outer);
    return v_ways;
end
$$;
comment on function authn.list_ways_in(uuid, text) is
    'What a person who is logged in can prove anew who they are with: password, kinds of proven identities (email, phone), '
    'types of authenticators.';

create or replace function authn._drop_needless_recovery_codes(p_user_id uuid, p_namespace text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if not authn._demands_second_step(p_user_id, p_namespace) then
        delete from authn.mfa_secrets m
         where m.namespace = p_namespace and m.user_id = p_user_id and m.mfa_type = 'recovery_codes';
    end if;
end
$$;
comment on function authn._drop_needless_recovery_codes(uuid, text) is
    'Removes the recovery codes of somebody whose login asks for no second step any more: there is nothing left that they '
    'could stand in for.';
revoke all on function authn._drop_needless_recovery_codes(uuid, text) from public;

create or replace function authn.remove_authenticator(
    p_user_id uuid, p_mfa_id uuid, p_session_id uuid, p_removal jsonb, p_actor jsonb, p_namespace text default 'default'
) returns text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_removed authn.mfa_secrets;
    v_outcome text := 'removed';
begin
    perform authn._apply_actor(p_actor);
    perform authn._lock_enabled_user(p_user_id, p_namespace);
    select m.* into v_removed
      from authn.mfa_secrets m
     where m.id = p_mfa_id and m.namespace = p_namespace and m.user_id = p_user_id
       and m.mfa_type = coalesce(p_removal ->> 'mfa_type', m.mfa_type);
    if not found then
        v_outcome := 'unknown';
    elsif not authn._login_is_recent(p_session_id, p_user_id, p_namespace) then
        v_outcome := 'login_not_recent';
    elsif (v_removed.way_in or v_removed.credential_id is not null)
        and authn._ways_in(
                p_user_id, coalesce((p_removal ->> 'by_mail')::boolean, false),
                -- A text message after a text message proves nothing new: no way in beside this second step.
                not exists (
                    select 1 from authn.mfa_secrets m
                     where m.namespace = p_namespace and m.user_id = p_user_id and m.mfa_type = 'sms' and m.second_step),
                p_namespace) <= 1 then
        v_outcome := 'last_way_in';
        perform authn._audit(
            'mfa_removal_refused', 'mfa', p_mfa_id::text, null, jsonb_build_object('user_id', p_user_id), p_namespace);
    else
        perform authn.remove_mfa(p_mfa_id, p_namespace);
        if v_removed.second_step then
            perform authn._drop_needless_recovery_codes(p_user_id, p_namespace);
        end if;
        perform authn._end_former_access(p_user_id, p_session_id, p_namespace);
        if p_removal ->> 'mail' is not null then
            perform authn._enqueue('mail', p_removal ->> 'mail', p_namespace);
        end if;
    end if;
    perform authn._leave(v_outer);
    return v_outcome;
end
$$;
comment on function authn.remove_authenticator(uuid, uuid, uuid, jsonb, jsonb, text) is
    'Removes an authenticator of the person of this session, ends their other sessions and unfinished logins, and tells them '
    'by mail. p_removal: mail (sealed), mfa_type (of which it has to be), by_mail (the namespace lets people log in by mail). '
    'Outcome: removed, unknown (not theirs, or of another type), login_not_recent, last_way_in (nobody could log in afterwards).';

create or replace function authn.set_second_step(
    p_user_id uuid, p_session_id uuid, p_mfa_type text, p_on boolean, p_mail text, p_actor jsonb,
    p_namespace text default 'default'
) returns text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_outcome text := 'unchanged';
begin
    perform authn._apply_actor(p_actor);
    perform authn._lock_enabled_user(p_user_id, p_namespace);
    if not authn._login_is_recent(p_session_id, p_user_id, p_namespace) then
        v_outcome := 'login_not_recent';
    else
        update authn.mfa_secrets m
           set second_step = p_on
         where m.namespace = p_namespace and m.user_id = p_user_id and m.mfa_type = p_mfa_type and m.second_step <> p_on;
        if found then
            v_outcome := 'changed';
            if not p_on then
                perform authn._drop_needless_recovery_codes(p_user_id, p_namespace);
            end if;
            perform authn._end_former_access(p_user_id, p_session_id, p_namespace);
            if p_mail is not null then
                perform authn._enqueue('mail', p_mail, p_namespace);
            end if;
            perform authn._audit(
                case when p_on then 'second_step_on' else 'second_step_off' end, 'user', p_user_id::text, null,
                jsonb_build_object('mfa_type', p_mfa_type), p_namespace);
        end if;
    end if;
    perform authn._leave(v_outer);
    return v_outcome;
end
$$;
comment on function authn.set_second_step(uuid, uuid, text, boolean, text, jsonb, text) is
    'Lets the person''s authenticators of a type ask for a second step, or no longer, and ends their other sessions and what '
    'else began before (see _end_former_access). Outcome: changed, unchanged, login_not_recent.';

create or replace function authn.reset_mfa(p_user_id uuid, p_mail text, p_actor jsonb, p_namespace text default 'default')
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_removed integer;
begin
    perform authn._apply_actor(p_actor);
    perform authn._lock_enabled_user(p_user_id, p_namespace);
    delete from authn.mfa_secrets m
     where m.namespace = p_namespace and m.user_id = p_user_id and m.credential_id is null and not m.way_in;
    get diagnostics v_removed = row_count;
    update authn.mfa_secrets m
       set second_step = false
     where m.namespace = p_namespace and m.user_id = p_user_id and m.second_step;
    perform authn._end_former_access(p_user_id, null, p_namespace);
    if p_mail is not null then
        perform authn._enqueue('mail', p_mail, p_namespace);
    end if;
    perform authn._audit(
        'mfa_reset', 'user', p_user_id::text, null, jsonb_build_object('removed', v_removed), p_namespace);
    perform authn._leave(v_outer);
    return v_removed;
end
$$;
comment on function authn.reset_mfa(uuid, text, jsonb, text) is
    'What an operator does for somebody who lost everything: no second step any more, apps and recovery codes removed '
    '(what is a way in stays, such as passkeys), every session ended, the owner told. Returns how many authenticators went.';

revoke all on function authn._login_is_recent(uuid, uuid, text), authn._ways_in(uuid, boolean, boolean, text),
    authn.list_ways_in(uuid, text),
    authn.enrol_authenticator(uuid, uuid, jsonb, jsonb, text), authn.rename_authenticator(uuid, uuid, text, jsonb, text),
    authn.remove_authenticator(uuid, uuid, uuid, jsonb, jsonb, text),
    authn.set_second_step(uuid, uuid, text, boolean, text, jsonb, text), authn.reset_mfa(uuid, text, jsonb, text)
    from public;
grant execute on function authn.enrol_authenticator(uuid, uuid, jsonb, jsonb, text),
    authn.rename_authenticator(uuid, uuid, text, jsonb, text),
    authn.remove_authenticator(uuid, uuid, uuid, jsonb, jsonb, text),
    authn.set_second_step(uuid, uuid, text, boolean, text, jsonb, text), authn.reset_mfa(uuid, text, jsonb, text)
    to portal_app;
grant execute on function authn.list_ways_in(uuid, text) to portal_app;
