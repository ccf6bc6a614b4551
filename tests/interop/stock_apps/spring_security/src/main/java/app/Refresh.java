// What an app does with the access token: Spring refreshes it first, where that is due.
package app;

import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.util.Map;
import org.springframework.security.core.Authentication;
import org.springframework.security.oauth2.client.OAuth2AuthorizeRequest;
import org.springframework.security.oauth2.client.OAuth2AuthorizedClientManager;
import org.springframework.security.oauth2.client.web.OAuth2AuthorizedClientRepository;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

@RestController
public class Refresh {
  private final OAuth2AuthorizedClientManager clients;
  private final OAuth2AuthorizedClientRepository repository;

  Refresh(OAuth2AuthorizedClientManager clients, OAuth2AuthorizedClientRepository repository) {
    this.clients = clients;
    this.repository = repository;
  }

  @GetMapping("/refresh")
  Map<String, Boolean> refresh(Authentication person, HttpServletRequest request, HttpServletResponse response) {
    var before = repository.loadAuthorizedClient("portal", person, request).getAccessToken().getTokenValue();
    var client = clients.authorize(OAuth2AuthorizeRequest.withClientRegistrationId("portal")
        .principal(person)
        .attribute(HttpServletRequest.class.getName(), request)
        .attribute(HttpServletResponse.class.getName(), response)
        .build());
    return Map.of("refreshed", !client.getAccessToken().getTokenValue().equals(before));
  }
}
