-- Clients: registered, looked up, listed, given a new secret, deleted; and what a person allowed one.

create or replace function authn.create_client(p_client jsonb, p_actor jsonb, p_namespace text default 'default')
returns text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_client_id text;
begin
    perform authn._apply_actor(p_actor);
    insert into authn.clients (
        namespace, client_id, name, secret_hash, token_endpoint_auth_method, application_type, redirect_uris,
        post_logout_redirect_uris, backchannel_logout_uri, initiate_login_uri, logo_uri, grant_types, scopes,
        first_party, require_pkce, popup, publisher, jwks, userinfo_signed_response_alg,
        id_token_signed_response_alg, pairwise_key
    )
    select p_namespace, c.client_id, c.name, c.secret_hash, c.token_endpoint_auth_method, c.application_type,
           c.redirect_uris, c.post_logout_redirect_uris, c.backchannel_logout_uri, c.initiate_login_uri, c.logo_uri,
           c.grant_types, c.scopes, c.first_party, c.require_pkce, c.popup,
           c.publisher, c.jwks, c.userinfo_signed_response_alg, coalesce(c.id_token_signed_response_alg, 'RS256'),
           c.pairwise_key
      from jsonb_to_record(p_client) as c (
        client_id text, name text, secret_hash text, token_endpoint_auth_method text, application_type text,
        redirect_uris text[], post_logout_redirect_uris text[], backchannel_logout_uri text, initiate_login_uri text,
        logo_uri text, grant_types text[], scopes text[], first_party boolean, require_pkce boolean, popup boolean,
        publisher text, jwks jsonb, userinfo_signed_response_alg text, id_token_signed_response_alg text,
        pairwise_key text
      )
    returning client_id into v_client_id;
    -- Keys are long, and the table has them; the log is for what people look for.
    perform authn._audit(
        'client_created', 'client', v_client_id, null, p_client - array['secret_hash', 'pairwise_key', 'jwks'], p_namespace);
    perform authn._leave(v_outer);
    return v_client_id;
end
$$;
comment on function authn.create_client(jsonb, jsonb, text) is
    'Registers an app. p_client has the columns of authn.clients as members; what may be registered is checked before, '
    'what fits together by the table.';

create or replace function authn.settle_pairwise_salt(p_salt text, p_namespace text default 'default') returns text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_salt text;
begin
    perform authn._check_text(p_salt, 'salt', 1024);
    -- The first one stays: of two apps registered at once both have it.
    insert into authn.pairwise_salts (namespace, salt) values (p_namespace, p_salt) on conflict do nothing;
    select s.salt into v_salt from authn.pairwise_salts s where s.namespace = p_namespace;
    perform authn._leave(v_outer);
    return v_salt;
end
$$;
comment on function authn.settle_pairwise_salt(text, text) is
    'Returns the namespace''s salt for pairwise names, which is p_salt where it had none.';

create or replace function authn.find_client(p_client_id text, p_namespace text default 'default')
returns setof authn.clients
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
begin
    return query select c.* from authn.clients c where c.namespace = p_namespace and c.client_id = p_client_id;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.find_client(text, text) is 'Returns one app by its client_id, or nothing.';

create or replace function authn.list_clients(p_namespace text default 'default')
returns setof authn.clients
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
begin
    return query select c.* from authn.clients c where c.namespace = p_namespace order by c.name, c.client_id;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.list_clients(text) is 'Returns the apps of a namespace by name.';

create or replace function authn.rotate_client_secret(
    p_client_id text, p_secret_hash text, p_actor jsonb, p_namespace text default 'default'
) returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_found boolean;
begin
    perform authn._apply_actor(p_actor);
    update authn.clients c
       set secret_hash = p_secret_hash, updated_at = now()
     where c.namespace = p_namespace and c.client_id = p_client_id and c.secret_hash is not null
    returning true into v_found;
    if v_found then
        perform authn._audit('client_secret_rotated', 'client', p_client_id, null, null, p_namespace);
    end if;
    perform authn._leave(v_outer);
    return coalesce(v_found, false);
end
$$;
comment on function authn.rotate_client_secret(text, text, jsonb, text) is
    'Replaces the secret of a confidential client at once; false for an unknown or public one.';

create or replace function authn.delete_client(p_client_id text, p_actor jsonb, p_namespace text default 'default')
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_name text;
begin
    perform authn._apply_actor(p_actor);
    delete from authn.clients c where c.namespace = p_namespace and c.client_id = p_client_id returning c.name into v_name;
    if v_name is not null then
        perform authn._audit(
            'client_deleted', 'client', p_client_id, jsonb_build_object('name', v_name), null, p_namespace
        );
    end if;
    perform authn._leave(v_outer);
    return v_name is not null;
end
$$;
comment on function authn.delete_client(text, jsonb, text) is
    'Removes an app with its codes, tokens, waiting requests and consents.';

create or replace function authn.record_consent(
    p_user_id uuid, p_client_id text, p_scopes text[], p_actor jsonb, p_namespace text default 'default'
) returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
begin
    perform authn._apply_actor(p_actor);
    insert into authn.grants as g (namespace, user_id, client_id, scopes)
    values (p_namespace, p_user_id, p_client_id, p_scopes)
    on conflict (namespace, user_id, client_id) do update
       -- Added to what was allowed before: the person was asked for what is new only.
       set scopes = array(select unnest(g.scopes) union select unnest(excluded.scopes) order by 1), updated_at = now();
    perform authn._audit(
        'consent_given', 'client', p_client_id, null,
        jsonb_build_object('user_id', p_user_id, 'scopes', to_jsonb(p_scopes)), p_namespace
    );
    perform authn._leave(v_outer);
end
$$;
comment on function authn.record_consent(uuid, text, text[], jsonb, text) is
    'Remembers that a person allowed an app these scopes, beside those allowed before.';

revoke execute on function authn.create_client(jsonb, jsonb, text) from public;
revoke execute on function authn.settle_pairwise_salt(text, text) from public;
revoke execute on function authn.find_client(text, text) from public;
revoke execute on function authn.list_clients(text) from public;
revoke execute on function authn.rotate_client_secret(text, text, jsonb, text) from public;
revoke execute on function authn.delete_client(text, jsonb, text) from public;
revoke execute on function authn.record_consent(uuid, text, text[], jsonb, text) from public;

grant execute on function authn.create_client(jsonb, jsonb, text) to portal_app;
grant execute on function authn.settle_pairwise_salt(text, text) to portal_app;
grant execute on function authn.find_client(text, text) to portal_app;
grant execute on function authn.list_clients(text) to portal_app;
grant execute on function authn.rotate_client_secret(text, text, jsonb, text) to portal_app;
grant execute on function authn.delete_client(text, jsonb, text) to portal_app;
grant execute on function authn.record_consent(uuid, text, text[], jsonb, text) to portal_app;
