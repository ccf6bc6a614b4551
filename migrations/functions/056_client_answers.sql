-- What a client's requests are checked against: assertions that were used before, origins that apps have.

create or replace function authn.take_client_assertion(
    p_client_id text, p_jti_hash text, p_expires_at timestamptz, p_namespace text default 'default'
) returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_taken boolean;
begin
    insert into authn.client_assertions (namespace, client_id, jti_hash, expires_at)
    values (p_namespace, p_client_id, p_jti_hash, p_expires_at)
    on conflict do nothing;
    v_taken := found;
    perform authn._leave(v_outer);
    return v_taken;
end
$$;
comment on function authn.take_client_assertion(text, text, timestamptz, text) is
    'Uses a client''s assertion up by the digest of its jti; false for one that was used before. Kept until p_expires_at, '
    'after which its signature is no longer looked at.';

create or replace function authn.is_app_origin(p_origin text, p_namespace text default 'default') returns boolean
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_known boolean;
begin
    v_known := exists (
        select from authn.clients c, unnest(c.redirect_uris) u (uri)
         where c.namespace = p_namespace and c.token_endpoint_auth_method = 'none'
           and substring(u.uri from '^https?://[^/?]+') = p_origin
    );
    perform authn._leave(v_outer);
    return v_known;
end
$$;
comment on function authn.is_app_origin(text, text) is
    'Tells whether a public app has a redirect URI on this origin (scheme://host:port): its scripts may read answers.';

create or replace function authn._cleanup_client_assertions(p_namespace text, p_batch_size integer) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    -- Clocks differ; an assertion must not work again because ours is late.
    c_keep constant interval := interval '5 minutes';
    v_deleted bigint;
begin
    delete from authn.client_assertions a
     where a.ctid = any (array(
               select d.ctid from authn.client_assertions d
                where d.namespace = p_namespace and d.expires_at < now() - c_keep
                order by d.expires_at limit p_batch_size for update skip locked));
    get diagnostics v_deleted = row_count;
    return v_deleted;
end
$$;
comment on function authn._cleanup_client_assertions(text, integer) is
    'Deletes used assertions that expired; returns how many rows went.';

revoke execute on function authn.take_client_assertion(text, text, timestamptz, text) from public;
revoke execute on function authn.is_app_origin(text, text) from public;
revoke execute on function authn._cleanup_client_assertions(text, integer) from public;

grant execute on function authn.take_client_assertion(text, text, timestamptz, text) to portal_app;
grant execute on function authn.is_app_origin(text, text) to portal_app;
