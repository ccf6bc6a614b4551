// A whole app with Spring Security: the settings are in application.yaml.
package app;

import java.time.Duration;
import java.util.Map;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.core.annotation.AuthenticationPrincipal;
import org.springframework.security.oauth2.client.OAuth2AuthorizedClientManager;
import org.springframework.security.oauth2.client.OAuth2AuthorizedClientProviderBuilder;
import org.springframework.security.oauth2.client.oidc.web.logout.OidcClientInitiatedLogoutSuccessHandler;
import org.springframework.security.oauth2.client.registration.ClientRegistrationRepository;
import org.springframework.security.oauth2.client.web.DefaultOAuth2AuthorizationRequestResolver;
import org.springframework.security.oauth2.client.web.DefaultOAuth2AuthorizedClientManager;
import org.springframework.security.oauth2.client.web.OAuth2AuthorizationRequestCustomizers;
import org.springframework.security.oauth2.client.web.OAuth2AuthorizedClientRepository;
import org.springframework.security.oauth2.core.oidc.user.OidcUser;
import org.springframework.security.web.SecurityFilterChain;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

@SpringBootApplication
@RestController
public class App {
  public static void main(String[] arguments) {
    SpringApplication.run(App.class, arguments);
  }

  @Bean
  SecurityFilterChain security(HttpSecurity http, ClientRegistrationRepository registrations) throws Exception {
    // Spring sends PKCE for public clients only, unless it is told to.
    var requests = new DefaultOAuth2AuthorizationRequestResolver(registrations, "/oauth2/authorization");
    requests.setAuthorizationRequestCustomizer(OAuth2AuthorizationRequestCustomizers.withPkce());
    var loggedOut = new OidcClientInitiatedLogoutSuccessHandler(registrations);
    loggedOut.setPostLogoutRedirectUri("{baseUrl}/");
    return http
        .authorizeHttpRequests(paths -> paths.anyRequest().permitAll())
        .oauth2Login(login -> login.authorizationEndpoint(endpoint -> endpoint.authorizationRequestResolver(requests)).defaultSuccessUrl("/"))
        .logout(logout -> logout.logoutSuccessHandler(loggedOut))
        .build();
  }

  @Bean
  OAuth2AuthorizedClientManager clients(ClientRegistrationRepository registrations, OAuth2AuthorizedClientRepository repository) {
    var refreshing = OAuth2AuthorizedClientProviderBuilder.builder()
        .authorizationCode()
        .refreshToken(refresh -> refresh.clockSkew(Duration.ofDays(1))) // Spring's own is a minute: this refreshes at every use
        .build();
    var manager = new DefaultOAuth2AuthorizedClientManager(registrations, repository);
    manager.setAuthorizedClientProvider(refreshing);
    return manager;
  }

  @GetMapping("/")
  Map<String, String> me(@AuthenticationPrincipal OidcUser person) {
    return Map.of("email", person == null ? "" : person.getEmail());
  }
}
