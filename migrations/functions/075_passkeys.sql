-- Passkeys (Web Authentication Level 3): a challenge is taken before its answer is looked at, and a key's counter moves with
-- the login that it makes.

create or replace function authn.start_ceremony(p_ceremony jsonb, p_namespace text default 'default') returns uuid
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    -- Every page with a passkey button asks for one, so a big office has many; answered ones are gone and do not count.
    c_per_prefix constant integer := 300;
    v_outer text := authn._enter(p_namespace);
    v_prefix cidr := authn._address_prefix(nullif(p_ceremony ->> 'ip_address', '')::inet);
    v_id uuid;
begin
    perform authn._check_context(p_namespace);
    -- Those who ask at once line up, or each would count before the others are seen.
    perform pg_advisory_xact_lock(hashtextextended('ceremony:' || p_namespace || ':' || v_prefix::text, 0))
      where v_prefix is not null;
    if v_prefix is null or c_per_prefix > (
        select count(*)
          from authn.webauthn_ceremonies c
         where c.namespace = p_namespace and c.prefix = v_prefix
           and c.expires_at > now() + interval '4 minutes')  -- asked for within the last minute
    then
        insert into authn.webauthn_ceremonies (namespace, kind, challenge, browser_digest, user_id, flow_id, prefix)
        values (p_namespace, p_ceremony ->> 'kind', decode(p_ceremony ->> 'challenge', 'hex'),
                p_ceremony ->> 'browser_digest', (p_ceremony ->> 'user_id')::uuid, (p_ceremony ->> 'flow_id')::uuid,
                v_prefix)
        returning id into v_id;
    end if;
    perform authn._leave(v_outer);
    return v_id;
end
$$;
comment on function authn.start_ceremony(jsonb, text) is
    'Notes a challenge. p_ceremony: kind (register, upgrade, login, second_step), challenge (hex), browser_digest, user_id, '
    'flow_id, ip_address. Returns the id by which the answer finds it; NULL, and nothing is noted, where 300 of the last minute '
    'from this address prefix still wait for their answers.';

create or replace function authn.take_ceremony(
    p_ceremony_id uuid, p_kinds text[], p_browser_digest text, p_namespace text default 'default'
) returns table (kind text, challenge bytea, user_id uuid, flow_id uuid)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
begin
    -- Taken before anything is verified: of forty answers at once one gets the challenge, right or wrong.
    return query
    delete from authn.webauthn_ceremonies c
     where c.id = p_ceremony_id and c.namespace = p_namespace and c.browser_digest = p_browser_digest
       and c.kind = any (p_kinds) and c.expires_at > now()
    returning c.kind, c.challenge, c.user_id, c.flow_id;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.take_ceremony(uuid, text[], text, text) is
    'Takes the challenge of a ceremony of one of these kinds, once, within five minutes, in the browser that began it.';

create or replace function authn.enrol_passkey(
    p_user_id uuid, p_session_id uuid, p_passkey jsonb, p_actor jsonb, p_namespace text default 'default'
) returns table (outcome text, mfa_id uuid)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
begin
    perform authn._apply_actor(p_actor);
    -- Whoever holds the key of somebody else's row proves nothing here: a credential has one owner (WebAuthn 7.1, step 26).
    if exists (
        select 1
          from authn.mfa_secrets m
         where m.namespace = p_namespace and m.credential_id = decode(p_passkey ->> 'credential_id', 'hex')
    ) then
        outcome := 'taken';
        perform authn._audit(
            'passkey_refused', 'user', p_user_id::text, null, jsonb_build_object('reason', 'credential_taken'),
            p_namespace);
    else
        select e.outcome, e.mfa_id
          into outcome, mfa_id
          from authn.enrol_authenticator(
                   p_user_id, p_session_id, p_passkey || jsonb_build_object('mfa_type', 'webauthn'), p_actor, p_namespace) e;
        begin
            update authn.mfa_secrets m
               set credential_id = decode(p_passkey ->> 'credential_id', 'hex'),
                   sign_count = (p_passkey ->> 'sign_count')::bigint,
                   aaguid = (p_passkey ->> 'aaguid')::uuid,
                   transports = array(select jsonb_array_elements_text(p_passkey -> 'transports')),
                   backup_eligible = (p_passkey ->> 'backup_eligible')::boolean,
                   backed_up = (p_passkey ->> 'backed_up')::boolean,
                   upgraded = coalesce((p_passkey ->> 'upgraded')::boolean, false)
             where m.id = enrol_passkey.mfa_id and m.namespace = p_namespace;
        exception when unique_violation then
            perform authn._raise_duplicate('credential_id', 'mfa_secrets_credential_id_key');
        end;
    end if;
    return next;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.enrol_passkey(uuid, uuid, jsonb, jsonb, text) is
    'enrol_authenticator for a verified passkey. p_passkey: what that takes (secret is the public key), credential_id (hex), '
    'sign_count, aaguid, transports, backup_eligible, backed_up, upgraded. Outcome: as there, or taken (somebody has it).';

create or replace function authn.find_passkey(p_credential_id bytea, p_namespace text default 'default')
returns table (
    mfa_id uuid, user_id uuid, email text, public_key text, sign_count bigint, backup_eligible boolean, upgraded boolean,
    demands_second_step boolean, disabled boolean
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
begin
    return query
    select m.id, u.id, u.email, m.secret, m.sign_count, m.backup_eligible, m.upgraded,
           authn._demands_second_step(u.id, p_namespace), u.disabled_at is not null
      from authn.mfa_secrets m
      join authn.users u on u.namespace = m.namespace and u.id = m.user_id
     where m.namespace = p_namespace and m.credential_id = p_credential_id;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.find_passkey(bytea, text) is
    'Whose passkey a credential id is, with its public key. No row for an unknown one and one of another tenant. A disabled '
    'user''s is known: a browser that were told otherwise would forget it for good.';

create or replace function authn.list_passkeys(p_user_id uuid, p_namespace text default 'default')
returns table (
    mfa_id uuid, name text, created_at timestamptz, last_used_at timestamptz, credential_id bytea, aaguid uuid,
    transports text[], backup_eligible boolean, backed_up boolean, upgraded boolean, second_step boolean
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
begin
    perform authn._require(p_user_id is not null, 'user_id');
    return query
    select m.id, m.name, m.created_at, m.last_used_at, m.credential_id, m.aaguid, m.transports, m.backup_eligible,
           m.backed_up, m.upgraded, m.second_step
      from authn.mfa_secrets m
     where m.namespace = p_namespace and m.user_id = p_user_id and m.credential_id is not null
     order by m.created_at, m.id;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.list_passkeys(uuid, text) is 'A user''s passkeys, oldest first, without their keys.';

create or replace function authn.complete_passkey_login(
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
    v_count bigint := (p_proof ->> 'sign_count')::bigint;
begin
    perform authn._apply_actor(p_actor);
    -- The account before its authenticators, see _lock_login.
    perform 1 from authn.users u where u.namespace = p_namespace and u.id = v_user_id for no key update;
    -- A counter that does not rise is a copy of the key at work (WebAuthn 7.2, step 22); one that stays 0 does not count.
    update authn.mfa_secrets m
       set sign_count = v_count,
           backed_up = (p_proof ->> 'backed_up')::boolean,
           last_used_at = now(),
           upgraded = m.upgraded and not (p_proof ->> 'user_verified')::boolean
     where m.id = v_mfa_id and m.namespace = p_namespace and m.user_id = v_user_id
       and (v_count > m.sign_count or (v_count = 0 and m.sign_count = 0));
    if not found then
        perform authn._audit(
            'passkey_refused', 'mfa', v_mfa_id::text, null,
            jsonb_build_object('user_id', v_user_id, 'reason', 'counter'), p_namespace);
        perform authn._leave(v_outer);
        return query select * from authn._no_login('used', (p_login ->> 'flow_id')::uuid);
        return;
    end if;
    perform authn._stop_recoveries_of(v_user_id, p_namespace);
    perform authn._audit(
        'mfa_used', 'mfa', v_mfa_id::text, null, jsonb_build_object('user_id', v_user_id, 'mfa_type', 'webauthn'),
        p_namespace);
    return query select c.* from authn.complete_login(p_login, p_actor, p_namespace) c;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.complete_passkey_login(jsonb, jsonb, jsonb, text) is
    'complete_login with a verified assertion of a passkey, whose counter it moves. p_proof: mfa_id, sign_count, backed_up, '
    'user_verified. Outcome used: the counter did not rise.';

create or replace function authn.refuse_passkey(
    p_user_id uuid, p_reason text, p_actor jsonb, p_namespace text default 'default'
) returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
begin
    perform authn._apply_actor(p_actor);
    perform authn._check_context(p_namespace);
    if p_user_id is null then
        perform authn._audit_counted(
            concat_ws(' ', 'passkey_refused', left(p_reason, 200)), 'passkey_refused', 'user', null,
            jsonb_build_object('reason', left(p_reason, 200)), p_namespace);
    else
        perform authn._audit(
            'passkey_refused', 'user', p_user_id::text, null, jsonb_build_object('reason', left(p_reason, 200)), p_namespace);
    end if;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.refuse_passkey(uuid, text, jsonb, text) is
    'Writes the audit event of an answer that did not verify. p_user_id is NULL where nobody was named.';

create or replace function authn._cleanup_ceremonies(p_namespace text, p_batch_size integer) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_deleted bigint;
begin
    delete from authn.webauthn_ceremonies c
     where c.id = any (array(
               select o.id from authn.webauthn_ceremonies o
                where o.namespace = p_namespace and o.expires_at < now()
                order by o.expires_at limit p_batch_size for update skip locked));
    get diagnostics v_deleted = row_count;
    return v_deleted;
end
$$;
comment on function authn._cleanup_ceremonies(text, integer) is 'Deletes challenges that nobody answered in time.';

revoke all on function authn.start_ceremony(jsonb, text), authn.take_ceremony(uuid, text[], text, text),
    authn.enrol_passkey(uuid, uuid, jsonb, jsonb, text), authn.find_passkey(bytea, text), authn.list_passkeys(uuid, text),
    authn.complete_passkey_login(jsonb, jsonb, jsonb, text), authn.refuse_passkey(uuid, text, jsonb, text),
    authn._cleanup_ceremonies(text, integer) from public;
grant execute on function authn.start_ceremony(jsonb, text), authn.take_ceremony(uuid, text[], text, text),
    authn.enrol_passkey(uuid, uuid, jsonb, jsonb, text), authn.find_passkey(bytea, text), authn.list_passkeys(uuid, text),
    authn.complete_passkey_login(jsonb, jsonb, jsonb, text), authn.refuse_passkey(uuid, text, jsonb, text) to portal_app;
