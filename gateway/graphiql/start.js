"use strict";
const example = `# The docs are behind the book on the left.
# Sign in first, at the top right: what one may
# not see is answered as if it did not exist.
query Hello {
  viewer {
    isOperator
    person { displayName }
    memberships {
      roles
      company { name }
      community {
        id
        slug
        name
        topics(first: 5) {
          edges {
            node {
              title
              replyCount
              author {
                member { displayName }
                persona { displayName }
              }
            }
          }
          pageInfo { hasNextPage endCursor }
        }
      }
    }
  }
}
`;
const root = ReactDOM.createRoot(document.getElementById("graphiql"));
const fetcher = GraphiQL.createFetcher({
  url: "/graphql",
  headers: { "X-Requested-With": "guildhall" },
});
root.render(React.createElement(GraphiQL, { fetcher, defaultQuery: example, defaultEditorToolsVisibility: false }));
