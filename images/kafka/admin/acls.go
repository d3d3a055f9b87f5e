package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ACL is one right of a user.
type ACL struct {
	User string `json:"user"`
	// Resource is topic, group or transactional-id.
	Resource  string `json:"resource"`
	Name      string `json:"name"`
	Pattern   string `json:"pattern"`
	Operation string `json:"operation"`
}

// binding is a right as Kafka knows it; two that are the same are equal.
type binding struct {
	resource   kmsg.ACLResourceType
	name       string
	pattern    kmsg.ACLResourcePatternType
	principal  string
	host       string
	operation  kmsg.ACLOperation
	permission kmsg.ACLPermissionType
}

var resources = map[string]kmsg.ACLResourceType{
	"topic": kmsg.ACLResourceTypeTopic, "group": kmsg.ACLResourceTypeGroup,
	"transactional-id": kmsg.ACLResourceTypeTransactionalId,
}

var patterns = map[string]kmsg.ACLResourcePatternType{
	"literal": kmsg.ACLResourcePatternTypeLiteral, "prefixed": kmsg.ACLResourcePatternTypePrefixed,
}

var operations = map[string]kmsg.ACLOperation{
	"all": kmsg.ACLOperationAll, "read": kmsg.ACLOperationRead, "write": kmsg.ACLOperationWrite, "create": kmsg.ACLOperationCreate,
	"delete": kmsg.ACLOperationDelete, "alter": kmsg.ACLOperationAlter, "describe": kmsg.ACLOperationDescribe,
	"describe-configs": kmsg.ACLOperationDescribeConfigs, "alter-configs": kmsg.ACLOperationAlterConfigs,
}

func bindingOf(acl ACL) (binding, error) {
	resource, known := resources[acl.Resource]
	pattern, knownPattern := patterns[acl.Pattern]
	operation, knownOperation := operations[acl.Operation]
	if !known || !knownPattern || !knownOperation {
		return binding{}, fmt.Errorf("no such right: %+v", acl)
	}
	return binding{resource, acl.Name, pattern, "User:" + acl.User, "*", operation, kmsg.ACLPermissionTypeAllow}, nil
}

// applyACLs has the cluster have the declared rights and no others: new ones come before old ones go, so that nobody is without one meanwhile.
func applyACLs(ctx context.Context, c *Cluster, declared Declared) error {
	there, err := c.bindings(ctx)
	if err != nil {
		return fmt.Errorf("the rights cannot be listed: %w", err)
	}
	var wanted []binding
	for _, acl := range declared.ACLs {
		each, err := bindingOf(acl)
		if err != nil {
			return err
		}
		wanted = append(wanted, each)
	}
	missing := slices.DeleteFunc(slices.Clone(wanted), func(each binding) bool { return slices.Contains(there, each) })
	if err := c.createBindings(ctx, missing); err != nil {
		return fmt.Errorf("rights cannot be given: %w", err)
	}
	unwanted := slices.DeleteFunc(there, func(each binding) bool { return slices.Contains(wanted, each) })
	if err := c.deleteBindings(ctx, unwanted); err != nil {
		return fmt.Errorf("rights cannot be taken away: %w", err)
	}
	return nil
}

func (c *Cluster) bindings(ctx context.Context) ([]binding, error) {
	request := kmsg.NewPtrDescribeACLsRequest()
	request.ResourceType = kmsg.ACLResourceTypeAny
	request.ResourcePatternType = kmsg.ACLResourcePatternTypeAny
	request.Operation = kmsg.ACLOperationAny
	request.PermissionType = kmsg.ACLPermissionTypeAny
	answer, err := request.RequestWith(ctx, c.brokers)
	if err != nil {
		return nil, err
	}
	if err := refusal(answer.ErrorCode, answer.ErrorMessage); err != nil {
		return nil, err
	}
	var found []binding
	for _, resource := range answer.Resources {
		for _, acl := range resource.ACLs {
			found = append(found, binding{
				resource.ResourceType, resource.ResourceName, resource.ResourcePatternType, acl.Principal, acl.Host, acl.Operation, acl.PermissionType,
			})
		}
	}
	return found, nil
}

func (c *Cluster) createBindings(ctx context.Context, bindings []binding) error {
	if len(bindings) == 0 {
		return nil
	}
	request := kmsg.NewPtrCreateACLsRequest()
	for _, each := range bindings {
		creation := kmsg.NewCreateACLsRequestCreation()
		creation.ResourceType, creation.ResourceName, creation.ResourcePatternType = each.resource, each.name, each.pattern
		creation.Principal, creation.Host, creation.Operation, creation.PermissionType = each.principal, each.host, each.operation, each.permission
		request.Creations = append(request.Creations, creation)
	}
	answer, err := request.RequestWith(ctx, c.brokers)
	if err != nil {
		return err
	}
	return firstOf(nil, answer.Results, func(result kmsg.CreateACLsResponseResult) error {
		return refusal(result.ErrorCode, result.ErrorMessage)
	})
}

func (c *Cluster) deleteBindings(ctx context.Context, bindings []binding) error {
	if len(bindings) == 0 {
		return nil
	}
	request := kmsg.NewPtrDeleteACLsRequest()
	for _, each := range bindings {
		filter := kmsg.NewDeleteACLsRequestFilter()
		filter.ResourceType, filter.ResourceName, filter.ResourcePatternType = each.resource, &each.name, each.pattern
		filter.Principal, filter.Host, filter.Operation, filter.PermissionType = &each.principal, &each.host, each.operation, each.permission
		request.Filters = append(request.Filters, filter)
	}
	answer, err := request.RequestWith(ctx, c.brokers)
	if err != nil {
		return err
	}
	return firstOf(nil, answer.Results, func(result kmsg.DeleteACLsResponseResult) error {
		return errorsOf(result, kerr.ErrorForCode(result.ErrorCode))
	})
}

func errorsOf(result kmsg.DeleteACLsResponseResult, err error) error {
	return firstOf(err, result.MatchingACLs, func(acl kmsg.DeleteACLsResponseResultMatchingACL) error {
		return refusal(acl.ErrorCode, acl.ErrorMessage)
	})
}
